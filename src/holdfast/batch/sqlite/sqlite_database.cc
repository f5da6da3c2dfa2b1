#include "holdfast/batch/sqlite/sqlite_database.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/mutex.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"
#include "holdfast/batch/sqlite/group.h"
#include "holdfast/env/event.h"

namespace holdfast::batch::sqlite {

// --- the file -----------------------------------------------------------------------------------

class SqliteDatabase::TemporaryFolder {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create() {
    std::error_code error;
    std::string path = std::filesystem::temp_directory_path(error) / "holdfast-XXXXXX";
    if (error || mkdtemp(path.data()) == nullptr) {
      return MakeError(Reason::kDatabaseUnavailable, "can't make a temporary folder");
    }
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

namespace {

// The file holds the keys that sign tokens: for its owner only. SQLite gives the log and its index
// the mode of the file. What goes wrong here SQLite will say better.
void CreateForOwnerOnly(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
}

std::string Common(const SqliteOptions& options, int64_t cache_kib) {
  return absl::StrCat("PRAGMA busy_timeout=", options.busy_timeout.value() / 1000,
                      "; PRAGMA cache_size=", -cache_kib, "; PRAGMA temp_store=MEMORY;");
}

std::string ForWriter(const SqliteOptions& options) {
  const bool full = options.synchronous == SqliteOptions::Synchronous::kFull;
  return absl::StrCat(Common(options, options.writer_cache_kib),
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=", full ? "FULL" : "OFF",
                      "; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=0",
                      "; PRAGMA journal_size_limit=", options.checkpoint_pages * 4096 * 2, ";");
}

// SQLite says what it does instead, and goes on, where a file system has no shared memory.
absl::Status UseLog(Connection& connection) {
  HF_ASSIGN_OR_RETURN(const std::vector<Row> mode, connection.query("PRAGMA journal_mode=WAL"));
  if (!mode.empty() && mode[0][0] == Value(std::string("wal"))) return absl::OkStatus();
  return MakeError(Reason::kDatabaseUnavailable,
                   "the database's file system can't share memory between connections; put it on "
                   "a local disk");
}

}  // namespace

// --- the writer ---------------------------------------------------------------------------------

class SqliteDatabase::Writer {
 public:
  Writer(Env& env, const SqliteOptions& options, std::unique_ptr<Connection> connection)
      : env_(env),
        options_(options),
        connection_(std::move(connection)),
        worker_(env.make_worker("sqlite-writer")) {
    connection_->watch_log();
  }

  [[nodiscard]] Connection& connection() { return *connection_; }

  Task<Outcome> commit(Batch batch) {
    // Shared by this coroutine and the queue: a coroutine that is dropped leaves its batch there.
    auto waiting = std::make_shared<Waiting>(std::move(batch));
    if (!enqueue(waiting)) co_return Refused(waiting->batch);
    co_await waiting->done.wait();
    co_return std::move(*waiting->member.outcome);
  }

 private:
  struct Waiting {
    explicit Waiting(Batch b) : batch(std::move(b)) { member.batch = &batch; }
    Batch batch;
    Member member;
    OneShot done;
  };
  using Queue = std::deque<std::shared_ptr<Waiting>>;

  static Outcome Refused(const Batch& batch) {
    Failure failure;
    failure.failure_class = FailureClass::kUnavailable;
    failure.step = batch.size();
    failure.message = "too many batches are waiting already";
    return Outcome::Failed(batch, std::move(failure));
  }

  bool enqueue(const std::shared_ptr<Waiting>& waiting) {
    const MutexLock lock(mutex_);
    if (queue_.size() >= options_.max_queue) return false;
    queue_.push_back(waiting);
    if (!std::exchange(draining_, true)) worker_->post([this] { drain(); });
    return true;
  }

  // Nobody is waited for: what is queued while a group commits is the next group.
  void drain() {
    for (Queue group = take(); !group.empty(); group = take()) {
      std::vector<Member> members;
      for (const auto& waiting : group) members.push_back(waiting->member);
      const size_t answered = run(members);
      for (size_t i = 0; i < answered; ++i) {
        group[i]->member.outcome = std::move(members[i].outcome);
        group[i]->done.set();
      }
      give_back(std::move(group), answered);
      keep_log_short();
    }
  }

  // After the answers: nobody waits for it but the next group.
  void keep_log_short() {
    if (connection_->log_pages() < next_checkpoint_) return;
    connection_->set_busy_timeout(options_.checkpoint_patience);
    const bool anew = connection_->checkpoint();
    connection_->set_busy_timeout(options_.busy_timeout);
    next_checkpoint_ = options_.checkpoint_pages + (anew ? 0 : connection_->log_pages());
  }

  size_t run(std::vector<Member>& members) {
    const Duration start = env_.clock().monotonic();
    Group group(*connection_, options_.constraint_names, [this, start] {
      return env_.clock().monotonic().value() - start.value() >= options_.max_group_time.value();
    });
    return group.run(members);
  }

  // The next group; without one the worker has nothing to do.
  Queue take() {
    const MutexLock lock(mutex_);
    Queue group;
    while (!queue_.empty() && group.size() < options_.max_group) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    draining_ = !group.empty();
    return group;
  }

  void give_back(Queue group, size_t answered) {
    const MutexLock lock(mutex_);
    while (group.size() > answered) {
      queue_.push_front(std::move(group.back()));
      group.pop_back();
    }
  }

  Env& env_;
  const SqliteOptions& options_;
  std::unique_ptr<Connection> connection_;  // the worker's, once anything was committed
  Mutex mutex_;
  Queue queue_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_checkpoint_ = options_.checkpoint_pages;  // in pages of the log
  std::unique_ptr<Worker> worker_;  // last: its destructor finishes the work, which uses the others
};

// --- the readers --------------------------------------------------------------------------------

class SqliteDatabase::ReaderPool {
 public:
  ReaderPool(Env& env, const SqliteOptions& options, std::string path)
      : env_(env), options_(options), path_(std::move(path)) {}

  static Task<absl::StatusOr<std::unique_ptr<Connection>>> Take(std::shared_ptr<ReaderPool> pool) {
    Env& env = pool->env_;
    const int64_t deadline =
        env.clock().monotonic().value() + pool->options_.max_reader_wait.value();
    for (;;) {
      const uint64_t seen = pool->returned_.generation();
      std::optional<absl::StatusOr<std::unique_ptr<Connection>>> taken = pool->try_take();
      if (taken.has_value()) co_return std::move(*taken);
      const Duration left(deadline - env.clock().monotonic().value());
      bool again = left.value() > 0;
      if (again) again = co_await pool->returned_.wait_for(env, seen, left);
      if (!again) co_return MakeError(Reason::kDatabaseUnavailable, "too many readers");
    }
  }

  void give_back(std::unique_ptr<Connection> connection) {
    // Ends the read transaction. If that fails a new connection is opened for the next reader.
    const bool usable = !connection->run_text("COMMIT").has_value();
    {
      const MutexLock lock(mutex_);
      --out_;
      if (usable) idle_.push_back(std::move(connection));
    }
    returned_.notify();
  }

 private:
  // nullopt: all are in use.
  std::optional<absl::StatusOr<std::unique_ptr<Connection>>> try_take() {
    {
      const MutexLock lock(mutex_);
      if (out_ >= options_.max_readers) return std::nullopt;
      ++out_;
      if (!idle_.empty()) {
        std::unique_ptr<Connection> connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    absl::StatusOr<std::unique_ptr<Connection>> opened = open();
    if (!opened.ok()) {
      const MutexLock lock(mutex_);
      --out_;
    }
    return opened;
  }

  absl::StatusOr<std::unique_ptr<Connection>> open() {
    HF_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                        Connection::Open(path_, Connection::Access::kReadOnly));
    HF_RETURN_IF_ERROR(connection->execute(Common(options_, options_.reader_cache_kib)));
    return connection;
  }

  Env& env_;
  const SqliteOptions options_;
  const std::string path_;
  Signal returned_;
  Mutex mutex_;
  size_t out_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

class SqliteDatabase::Snapshot final : public ReadSnapshot {
 public:
  Snapshot(std::shared_ptr<ReaderPool> pool, std::unique_ptr<Connection> connection)
      : pool_(std::move(pool)), connection_(std::move(connection)) {}
  ~Snapshot() override { pool_->give_back(std::move(connection_)); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // BEGIN alone fixes nothing; the first read does.
  [[nodiscard]] absl::Status begin() {
    HF_RETURN_IF_ERROR(connection_->query("BEGIN").status());
    return connection_->query("SELECT 1 FROM sqlite_schema LIMIT 1").status();
  }

  Task<absl::StatusOr<std::vector<Row>>> query(std::string_view sql, Row binds,
                                               size_t max_rows) override {
    co_return connection_->query(sql, binds, max_rows);
  }

  Task<absl::StatusOr<std::vector<std::vector<Row>>>> query_each(std::string_view sql,
                                                                 std::vector<Row> binds,
                                                                 size_t max_rows) override {
    std::vector<std::vector<Row>> results;
    results.reserve(binds.size());
    for (const Row& row : binds) {
      HF_CO_ASSIGN_OR_RETURN(std::vector<Row> rows, connection_->query(sql, row, max_rows));
      results.push_back(std::move(rows));
    }
    co_return results;
  }

 private:
  std::shared_ptr<ReaderPool> pool_;  // shared: the database may be closed before
  std::unique_ptr<Connection> connection_;
};

// --- the database -------------------------------------------------------------------------------

SqliteDatabase::SqliteDatabase(Env& env, SqliteOptions options)
    : env_(env), options_(std::move(options)) {}

SqliteDatabase::~SqliteDatabase() = default;

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(Env& env,
                                                                     SqliteOptions options) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(env, std::move(options)));
  HF_RETURN_IF_ERROR(database->open());
  return database;
}

absl::Status SqliteDatabase::open() {
  std::string path = options_.path;
  if (path == ":memory:") {
    HF_ASSIGN_OR_RETURN(folder_, TemporaryFolder::Create());
    path = absl::StrCat(folder_->path(), "/database");
    options_.synchronous = SqliteOptions::Synchronous::kOff;
  }
  CreateForOwnerOnly(path);
  HF_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                      Connection::Open(path, Connection::Access::kReadWrite));
  HF_RETURN_IF_ERROR(connection->execute(ForWriter(options_)));
  HF_RETURN_IF_ERROR(UseLog(*connection));
  readers_ = std::make_shared<ReaderPool>(env_, options_, std::move(path));
  writer_ = std::make_unique<Writer>(env_, options_, std::move(connection));
  return absl::OkStatus();
}

Connection& SqliteDatabase::setup() { return writer_->connection(); }

Task<Outcome> SqliteDatabase::commit(Batch batch) { return writer_->commit(std::move(batch)); }

Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> SqliteDatabase::snapshot() {
  absl::StatusOr<std::unique_ptr<Connection>> connection = co_await ReaderPool::Take(readers_);
  HF_CO_RETURN_IF_ERROR(connection.status());
  auto snapshot = std::make_unique<Snapshot>(readers_, std::move(*connection));
  HF_CO_RETURN_IF_ERROR(snapshot->begin());
  co_return std::unique_ptr<ReadSnapshot>(std::move(snapshot));
}

}  // namespace holdfast::batch::sqlite
