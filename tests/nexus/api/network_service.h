// The network service as a client sees it: requests in JSON through the dispatcher, the store with
// the example's hooks, and a database of choice.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/network/hooks/faulty_engine.h"
#include "examples/network/hooks/hooks.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/store/stack.h"
#include "tests/nexus/databases.h"

namespace holdfast::nexus {

using Json = nlohmann::json;

// What most tests create, and the VPC that comes with it.
inline constexpr char kWeb[] = "organizations/acme/projects/web";
inline constexpr char kVpc[] = "organizations/acme/projects/web/vpcs/default";

// An answer: a status, and the message if it is OK.
struct Answer {
  absl::Status status;
  Json json;

  [[nodiscard]] bool ok() const { return status.ok(); }
};
void PrintTo(const Answer& answer, std::ostream* out);

// A detail of the error as it goes over the wire.
template <class Detail>
Detail DetailOf(const Answer& answer) {
  google::rpc::Status rpc;
  EXPECT_TRUE(rpc.ParseFromString(ToRpcStatus(answer.status)));
  Detail detail;
  for (const auto& any : rpc.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  ADD_FAILURE() << answer.status << " has no " << Detail::descriptor()->full_name();
  return detail;
}

class NetworkService {
 public:
  struct Options {
    int projects = 1000;   // of an organization
    int instances = 100;   // of a project
    int connections = 16;  // PostgreSQL's
    std::string dsn;       // another way to a server; empty: a database of the shared cluster
    network::NetworkOptions network;
    store::StoreOptions store;
  };
  explicit NetworkService(On on, Options options);
  explicit NetworkService(On on) : NetworkService(on, Options()) {}
  ~NetworkService();
  NetworkService(const NetworkService&) = delete;
  NetworkService& operator=(const NetworkService&) = delete;

  [[nodiscard]] RealEnv& env() { return env_; }
  [[nodiscard]] network::FaultyEngine& engine() { return *engine_; }
  [[nodiscard]] store::HookRegistry& hooks() { return hooks_; }
  [[nodiscard]] const schema::Schema& schema() const { return *schema_; }

  // "ProjectService/CreateProject" of the network service.
  Answer call(std::string_view method, const Json& request);
  Json must(std::string_view method, const Json& request);
  // Fails, and leaves the database as it was.
  Answer refused(std::string_view method, const Json& request);
  // Each a little later than the others or sooner, as chance has it; the answers beside them.
  struct Call {
    std::string method;
    Json request;
    Duration linger = Milliseconds(2);  // in a race: how much later than others at most
  };
  std::vector<Answer> race(const std::vector<Call>& calls);

  // Requests. Names are ids, or paths from the project on.
  [[nodiscard]] static Call CreateOrganization(const std::string& id);
  [[nodiscard]] static Call CreateProject(const std::string& organization, const std::string& id);
  // "Vpc", "projects/p", "v", fields.
  [[nodiscard]] static Call Create(const std::string& kind, const std::string& parent,
                                   const std::string& id, Json fields = Json::object());
  [[nodiscard]] static Call Delete(const std::string& kind, const std::string& name);
  [[nodiscard]] static Call Get(const std::string& kind, const std::string& name);
  Answer call(const Call& c) { return call(c.method, c.request); }
  Json must(const Call& c) { return must(c.method, c.request); }
  Answer refused(const Call& c) { return refused(c.method, c.request); }

  // Runs the background until it has nothing to do.
  void settle();
  // Names of all live resources.
  [[nodiscard]] std::vector<std::string> names();
  [[nodiscard]] bool exists(const std::string& kind, const std::string& name);
  [[nodiscard]] int64_t used(std::string_view holder_kind, std::string_view holder,
                             std::string_view counted);
  // All rows of all tables, as the database itself shows them; without dictionaries, which are
  // caches.
  [[nodiscard]] std::string dump();
  // What fsck finds; empty: it is clean.
  [[nodiscard]] std::string fsck();

 private:
  class Folder;
  void open(On on, const Options& options);
  [[nodiscard]] Task<Answer> send(std::string method, Json request);
  [[nodiscard]] Task<Answer> send_late(Call call);

  RealEnv env_;
  std::unique_ptr<schema::Schema> schema_;
  std::unique_ptr<Folder> folder_;  // SQLite's
  std::string dsn_;                 // PostgreSQL's
  std::unique_ptr<storage::Engine> database_;
  std::unique_ptr<network::FaultyEngine> engine_;
  store::HookRegistry hooks_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<server::Dispatcher> dispatcher_;
};

// The answer has this code and reason.
MATCHER_P2(Says, code, reason, "") {
  *result_listener << arg.status;
  return arg.status.code() == code && ReasonOf(arg.status) == reason;
}
MATCHER(Succeeds, "is OK") {
  *result_listener << arg.status;
  return arg.ok();
}

}  // namespace holdfast::nexus
