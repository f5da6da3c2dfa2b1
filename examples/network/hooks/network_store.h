// The network service on a database of choice, with short words for what its tests do. Only for
// tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/network/hooks/faulty_engine.h"
#include "examples/network/hooks/hooks.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/schema/schema.h"
#include "holdfast/store/stack.h"
#include "holdfast/store/store.h"

namespace holdfast::network {

enum class Database { kMemory, kSqlite };
void PrintTo(Database database, std::ostream* out);
[[nodiscard]] std::string DatabaseName(const ::testing::TestParamInfo<Database>& info);

struct NetworkStoreOptions {
  uint64_t seed = 1;
  // In place of the schema's 1000.
  int projects_per_organization = 1000;
  NetworkOptions network;
  store::StoreOptions store;
};

// One process at a time on one database.
class NetworkStore {
 public:
  explicit NetworkStore(Database database, NetworkStoreOptions options = {});
  ~NetworkStore();
  NetworkStore(const NetworkStore&) = delete;
  NetworkStore& operator=(const NetworkStore&) = delete;

  // The process dies; another one takes over. What the first had sent may still be done.
  void crash();

  [[nodiscard]] ManualEnv& env() { return env_; }
  [[nodiscard]] store::Store& store() { return *processes_.back()->store; }
  [[nodiscard]] FaultyEngine& engine() { return processes_.back()->engine; }
  // Hooks beside those of the service; before the first write.
  [[nodiscard]] store::HookRegistry& hooks() { return hooks_; }

  // Ops; resources in protobuf's text format.
  [[nodiscard]] store::WriteOp create(std::string_view name, const std::string& text = "") const;
  [[nodiscard]] store::WriteOp update(std::string_view name, const std::string& text) const;
  [[nodiscard]] store::WriteOp erase(std::string_view name,
                                     store::Force force = store::Force::kNo) const;

  absl::StatusOr<store::WriteResult> write(store::WriteRequest request);
  absl::Status apply(store::WriteOp op);
  // Begins a write; it goes on whenever the env runs.
  struct Pending {
    bool done = false;
    absl::StatusOr<store::WriteResult> result = absl::UnknownError("no answer yet");
  };
  std::shared_ptr<Pending> start(store::WriteRequest request);
  // All at the same time; the answers, beside them.
  std::vector<absl::Status> race(std::vector<store::WriteRequest> requests);
  // Begins a write and lets the process die after so many steps of everything that runs; what it
  // had sent to the database by then may still be done. True if the write had been answered.
  bool crash_after(store::WriteRequest request, int steps);
  // Must work.
  void given(store::WriteOp op);
  // Runs duties until there are none. How many rows they changed.
  size_t settle();

  // nullptr if a reader sees none.
  [[nodiscard]] store::SharedMessage get(std::string_view name);
  [[nodiscard]] bool exists(std::string_view name) { return get(name) != nullptr; }
  // Names of all resources that a reader sees, of one kind or of all.
  [[nodiscard]] std::vector<std::string> names(std::string_view kind = "");
  [[nodiscard]] int64_t used(std::string_view holder, std::string_view counted);
  // Everything that the database holds: equal texts mean that nothing was left behind.
  [[nodiscard]] std::string dump();
  // What fsck finds, a line each; empty: it is clean.
  [[nodiscard]] std::string fsck();

 private:
  struct Process {
    explicit Process(storage::Engine& database) : engine(database) {}
    FaultyEngine engine;
    std::unique_ptr<store::Store> store;
  };
  class Folder;

  void start_process();
  [[nodiscard]] const schema::Kind& kind_of(std::string_view name) const;
  [[nodiscard]] store::WriteOp op_on(std::string_view name) const;

  const NetworkStoreOptions options_;
  std::unique_ptr<schema::Schema> schema_;
  std::unique_ptr<Folder> folder_;
  ManualEnv env_;
  std::unique_ptr<storage::Engine> database_;
  store::HookRegistry hooks_;
  std::vector<std::unique_ptr<Process>> processes_;  // the last one lives
};

// A request of these ops.
template <class... Ops>
store::WriteRequest Request(Ops... ops) {
  store::WriteRequest request;
  (request.ops.push_back(std::move(ops)), ...);
  return request;
}

[[nodiscard]] std::string TextOf(const google::protobuf::Message& message, const char* field);
[[nodiscard]] int64_t NumberOf(const google::protobuf::Message& message, const char* field);
// metadata.uid
[[nodiscard]] std::string UidOf(const google::protobuf::Message& message);

}  // namespace holdfast::network
