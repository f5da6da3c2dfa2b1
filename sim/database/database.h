// A deployment's database in a simulated run: a real engine, and between it and the nodes
// everything that can go wrong with a database. What it has committed outlives every node.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/env/event.h"
#include "holdfast/storage/engine.h"
#include "sim/env/world.h"

namespace holdfast::sim {

// Of each commit, if not said otherwise.
struct DatabaseFaults {
  double retryable = 0;    // a serialization failure or a deadlock: nothing happened
  double unavailable = 0;  // nothing was sent; of each read too
  double lost_before = 0;  // the connection broke after sending, and nothing was committed
  double lost_after = 0;   // the connection broke after sending, and everything was committed
  double slow = 0;         // of each read too
  Duration most_slowness = Seconds(2);
};

class Database {
 public:
  enum class Make { kMemory, kSqlite };
  // A batch that has been committed, in order of revision, before the next one.
  using Observer = std::function<void(const storage::Batch&, Revision)>;

  Database(World& world, Make make, std::vector<storage::IndexDefinition> indexes);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void observe(Observer observer) { observer_ = std::move(observer); }
  void set_faults(const DatabaseFaults& faults) { faults_ = faults; }
  // The process dies between two batches, and comes back after this time with what it had
  // committed. Answers under way are lost.
  void crash(Duration down_for);
  // The same right behind the next commit, before its answer is out.
  void crash_at_next_commit(Duration down_for) { doomed_ = down_for; }
  [[nodiscard]] bool is_up() const { return up_; }

  // Nothing gets from this node to the database, or back, until heal().
  void cut_off(const std::string& node) { cut_off_.insert(node); }
  void heal() { cut_off_.clear(); }
  // It lives on after the next commit.
  void spare() { doomed_.reset(); }

  // One node's connection; lives no longer than the node's env, nor than the database.
  [[nodiscard]] std::unique_ptr<storage::Engine> connect(NodeEnv& node, std::string name);
  // Without faults in between; for checks.
  [[nodiscard]] storage::Engine& engine() { return *engine_; }

 private:
  class Connection;
  class FaultySnapshot;
  class Visit;
  struct Held;
  template <class T>
  struct Question;
  struct Exchange;

  void open();
  Task<void> restart(Duration down_for);
  // Returns what `ask` does, in a coroutine of the database's own.
  template <class T>
  Task<T> ask(std::function<Task<T>()> ask);
  template <class T>
  Task<void> answer(std::shared_ptr<Question<T>> question);
  Task<absl::StatusOr<std::shared_ptr<Held>>> hold();
  Task<absl::StatusOr<storage::PurgeResult>> forget(Timestamp before, size_t limit);
  Task<void> serve(std::shared_ptr<Exchange> exchange);
  Task<void> run(std::shared_ptr<Exchange> exchange);
  void tell_observer();
  [[nodiscard]] bool is_reachable_from(const std::string& node);
  // How long a message between a node and the database takes.
  [[nodiscard]] Duration travel();

  World& world_;
  const Make make_;
  const std::vector<storage::IndexDefinition> indexes_;
  std::string path_;  // SQLite
  std::unique_ptr<storage::Engine> engine_;
  Observer observer_;
  DatabaseFaults faults_;
  std::set<std::string> cut_off_;  // nodes
  std::optional<Duration> doomed_;
  bool up_ = true;
  uint64_t life_ = 1;     // one more at each crash
  size_t in_engine_ = 0;  // calls that aren't done
  size_t snapshots_ = 0;  // out
  Signal quiet_;          // in_engine_ or snapshots_ has become less
  Revision told_;         // the observer knows everything up to here
  std::multimap<Revision, storage::Batch> untold_;
};

}  // namespace holdfast::sim
