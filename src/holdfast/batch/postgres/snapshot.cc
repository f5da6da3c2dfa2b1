#include "holdfast/batch/postgres/snapshot.h"

#include <atomic>
#include <utility>
#include <vector>

#include "holdfast/base/macros.h"
#include "holdfast/base/mutex.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"
#include "holdfast/batch/postgres/exchanges.h"
#include "holdfast/env/event.h"

namespace holdfast::batch::postgres {
namespace {

constexpr const char* kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
// Sessions that a snapshot may find lost before it gives up: of those that nobody used for a while
// the server may have ended some.
constexpr int kMaxSessions = 3;
// A session that was dead before says so at once. One that is silent has cost its time already.
constexpr Duration kAtOnce = Seconds(1);

// A session for one snapshot alone.
class Lease final : public Claim {
 public:
  void granted(const std::shared_ptr<Connection>& connection) override {
    connection_ = connection;
    done_.set();
  }
  void refused(const std::string& why) override {
    why_ = why;
    done_.set();
  }
  [[nodiscard]] OneShot& done() { return done_; }
  [[nodiscard]] const std::shared_ptr<Connection>& connection() const { return connection_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  OneShot done_;
  std::shared_ptr<Connection> connection_;
  std::string why_;
};

// The end of the transaction. Nobody waits for it; what comes next on the session goes behind.
class Ending final : public Exchange {
 public:
  void send(Connection& connection) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) {
    connection.execute_text("ROLLBACK");
  }
  void on_result(size_t, const pg_result*) override {}
  void on_error(size_t, const ServerError&) override {}
  void on_end(End, const std::string&) override {}
};

// The transaction of a snapshot: ended once, by the snapshot's end, or because it wasn't used or
// has lived for too long.
class Transaction {
 public:
  Transaction(std::shared_ptr<Pool> pool, std::shared_ptr<Connection> connection, Duration now)
      : pool_(std::move(pool)), begun_(now), connection_(std::move(connection)), used_(now) {}
  ~Transaction() {
    queries_ = 0;  // nobody waits for them any more
    end();
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // For one query, until done(). Null once it has ended.
  [[nodiscard]] std::shared_ptr<Connection> use(Duration now) {
    const MutexLock lock(mutex_);
    if (ending_ || connection_ == nullptr) return nullptr;
    used_ = now;
    ++queries_;
    return connection_;
  }
  void done() {
    {
      const MutexLock lock(mutex_);
      if (--queries_ > 0 || !ending_) return;
    }
    end();
  }

  // Ends it when it is time, and looks again until then. Holds nothing that should go.
  static void Watch(Env& env, Duration max_idle, Duration max_life,
                    std::weak_ptr<Transaction> weak) {
    env.post_after(max_idle, [&env, max_idle, max_life, weak] {
      const auto alive = weak.lock();
      if (alive == nullptr) return;
      const int64_t now = env.clock().monotonic().value();
      const bool old = now - alive->begun_.value() >= max_life.value();
      if (old || now - alive->used().value() >= max_idle.value()) return alive->end();
      Watch(env, max_idle, max_life, weak);
    });
  }

  // After the queries that use it: what they send must not come behind the ROLLBACK.
  void end() {
    std::shared_ptr<Connection> connection;
    {
      const MutexLock lock(mutex_);
      ending_ = true;
      if (queries_ > 0) return;
      connection.swap(connection_);
    }
    if (connection == nullptr) return;
    connection->send(std::make_shared<Ending>());
    pool_->release(connection);
  }

 private:
  [[nodiscard]] Duration used() {
    const MutexLock lock(mutex_);
    return used_;
  }

  const std::shared_ptr<Pool> pool_;
  const Duration begun_;
  Mutex mutex_;
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);
  Duration used_ ABSL_GUARDED_BY(mutex_);
  int queries_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

// Waits for a session if all are in use.
Task<absl::StatusOr<std::shared_ptr<Transaction>>> Begin(const SnapshotSource& source) {
  const auto lease = std::make_shared<Lease>();  // shared with the pool while it waits
  source.pool->acquire(lease);
  co_await lease->done().wait();
  if (lease->connection() == nullptr) {
    co_return MakeError(Reason::kDatabaseUnavailable, lease->why());
  }
  auto transaction = std::make_shared<Transaction>(source.pool, lease->connection(),
                                                   source.env.clock().monotonic());
  Transaction::Watch(source.env, source.max_idle, source.max_life, transaction);
  co_return transaction;
}

// Was the session lost, whatever the server did of it?
bool WasLost(const std::optional<Failure>& failure) {
  return failure.has_value() && (failure->failure_class == FailureClass::kAmbiguous ||
                                 failure->failure_class == FailureClass::kUnavailable);
}

class Snapshot final : public ReadSnapshot {
 public:
  Snapshot(SnapshotSource source, std::shared_ptr<Transaction> transaction)
      : source_(std::move(source)), transaction_(std::move(transaction)) {}

  Task<absl::StatusOr<std::vector<Row>>> query(std::string_view sql, Row binds,
                                               size_t max_rows) override {
    std::vector<Row> one;
    one.push_back(std::move(binds));
    auto results = co_await query_each(sql, std::move(one), max_rows);
    HF_CO_RETURN_IF_ERROR(results.status());
    co_return std::move(results->front());
  }

  Task<absl::StatusOr<std::vector<std::vector<Row>>>> query_each(std::string_view sql,
                                                                 std::vector<Row> binds,
                                                                 size_t max_rows) override {
    if (binds.empty()) co_return std::vector<std::vector<Row>>();
    const bool first = !std::exchange(begun_, true);
    const Duration start = source_.env.clock().monotonic();
    const auto statement = source_.statements->get(LimitRows(sql, max_rows));
    HF_CO_ASSIGN_OR_RETURN(std::shared_ptr<QueryRun> run, co_await ask(statement, binds, first));
    // Nothing was read yet: on another session it is as good a snapshot.
    for (int lost = 1; first && WasLost(run->failure()) && lost < kMaxSessions; ++lost) {
      const int64_t took = source_.env.clock().monotonic().value() - start.value();
      if (took > kAtOnce.value()) break;
      HF_CO_ASSIGN_OR_RETURN(transaction_, co_await Begin(source_));
      HF_CO_ASSIGN_OR_RETURN(run, co_await ask(statement, binds, first));
    }
    if (run->failure().has_value()) co_return ToStatus(*run->failure(), ForMessage(sql));
    std::vector<std::vector<Row>> results = std::move(run->rows());
    if (first) results.erase(results.begin());
    for (std::vector<Row>& rows : results) {
      if (rows.size() > max_rows) rows.resize(max_rows);
    }
    co_return results;
  }

 private:
  Task<absl::StatusOr<std::shared_ptr<QueryRun>>> ask(std::shared_ptr<const Statement> statement,
                                                      const std::vector<Row>& binds, bool first) {
    std::vector<QueryRun::Query> queries;
    if (first) queries.push_back({nullptr, kBegin, nullptr});
    for (const Row& row : binds) queries.push_back({statement, "", &row});
    auto run = std::make_shared<QueryRun>(std::move(queries));
    const auto connection = transaction_->use(source_.env.clock().monotonic());
    if (connection == nullptr) {
      co_return MakeError(Reason::kDatabaseUnavailable,
                          "the snapshot wasn't used, or has lived, for too long");
    }
    co_await Run::Over(run, connection);
    // Without its BEGIN it is no snapshot.
    if (first && run->failure().has_value() && run->failure()->step == 0) transaction_->end();
    transaction_->done();
    co_return run;
  }

  const SnapshotSource source_;               // shared with the database
  std::shared_ptr<Transaction> transaction_;  // shared with the timer that ends it
  bool begun_ = false;
};

}  // namespace

Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> TakeSnapshot(SnapshotSource source) {
  HF_CO_ASSIGN_OR_RETURN(auto transaction, co_await Begin(source));
  std::unique_ptr<ReadSnapshot> snapshot =
      std::make_unique<Snapshot>(std::move(source), std::move(transaction));
  co_return snapshot;
}

}  // namespace holdfast::batch::postgres
