#include "holdfast/batch/postgres/postgres_database.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/reason.h"
#include "holdfast/batch/postgres/commit.h"
#include "holdfast/batch/postgres/dsn.h"
#include "holdfast/batch/postgres/exchanges.h"
#include "holdfast/batch/postgres/helpers.h"
#include "holdfast/batch/postgres/idempotency.h"
#include "holdfast/batch/postgres/pool.h"
#include "holdfast/batch/postgres/snapshot.h"
#include "holdfast/batch/postgres/statement_cache.h"

namespace holdfast::batch {

using postgres::CommitContext;
using postgres::Pool;
using postgres::PoolLimits;
using postgres::QueryRun;
using postgres::StatementCache;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// "a""b": a name as SQL quotes it.
std::string QuotedName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

Settings SessionSettings(const PostgresOptions& options) {
  const bool serializable = options.isolation == Isolation::kSerializable;
  Settings settings = {
      {"default_transaction_isolation", serializable ? "serializable" : "read committed"},
      {"statement_timeout", absl::StrCat(options.statement_timeout.value() / 1000)},
      {"bytea_output", "hex"},
  };
  if (!options.schema.empty()) settings.emplace_back("search_path", QuotedName(options.schema));
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  return settings;
}

std::vector<QueryRun::Query> Script(std::vector<std::string> statements) {
  std::vector<QueryRun::Query> queries;
  queries.push_back({nullptr, "BEGIN ISOLATION LEVEL READ COMMITTED", nullptr});
  queries.push_back(
      {nullptr, absl::StrCat("SELECT pg_advisory_xact_lock(", postgres::kSetUpLock, ")"), nullptr});
  for (std::string& statement : statements) {
    queries.push_back({nullptr, std::move(statement), nullptr});
  }
  queries.push_back({nullptr, "COMMIT", nullptr});
  return queries;
}

// Ends what a failed script has left open.
Task<void> RollBack(std::shared_ptr<Pool> pool) {
  std::vector<QueryRun::Query> queries;
  queries.push_back({nullptr, "ROLLBACK", nullptr});
  const auto run = std::make_shared<QueryRun>(std::move(queries));
  co_await postgres::Run::Once(run, pool);
}

}  // namespace

// Everything but the handle.
class PostgresDatabase::Core {
 public:
  Core(Env& env, const PostgresOptions& options, std::shared_ptr<PostgresStats> stats,
       std::vector<postgres::ConnectParameters> hosts)
      : env_(env),
        options_(options),
        stats_(std::move(stats)),
        writers_(std::make_shared<Pool>(
            env, options,
            PoolLimits{options.connections, options.max_in_flight_per_connection,
                       options.max_queued, options.queue_timeout},
            hosts, stats_)),
        readers_(std::make_shared<Pool>(
            env, options,
            PoolLimits{options.snapshots, 1, options.max_queued, options.max_snapshot_wait}, hosts,
            stats_)),
        // One session, and no more in flight than one script: it may be left in a transaction.
        set_up_(std::make_shared<Pool>(env, options,
                                       PoolLimits{1, 1, options.max_queued, options.queue_timeout},
                                       std::move(hosts), stats_)),
        statements_(std::make_shared<StatementCache>()),
        commits_(std::make_shared<CommitContext>(
            CommitContext{env, options, stats_, writers_, *statements_})) {}

  void start() {
    writers_->start();
    readers_->start();
    set_up_->start();
  }

  void close() {
    writers_->close();
    readers_->close();
    set_up_->close();
  }

  [[nodiscard]] const PostgresStats& stats() const { return *stats_; }
  [[nodiscard]] const std::shared_ptr<CommitContext>& commits() const { return commits_; }
  [[nodiscard]] postgres::SnapshotSource snapshots() const {
    return {env_, readers_, statements_, options_.max_snapshot_idle, options_.max_snapshot_life};
  }

  static Task<absl::Status> SetUp(std::shared_ptr<Core> self);
  static Task<absl::Status> CheckDurability(std::shared_ptr<Core> self);
  static Task<absl::Status> MakeHelpers(std::shared_ptr<Core> self);
  static Task<absl::StatusOr<std::vector<std::vector<Row>>>> RunScript(
      std::shared_ptr<Core> self, std::vector<std::string> statements);
  static Task<absl::StatusOr<int64_t>> ForgetKeys(std::shared_ptr<Core> self, Timestamp before,
                                                  int64_t limit);

 private:
  Env& env_;
  const PostgresOptions options_;
  const std::shared_ptr<PostgresStats> stats_;
  const std::shared_ptr<Pool> writers_;
  const std::shared_ptr<Pool> readers_;
  const std::shared_ptr<Pool> set_up_;
  const std::shared_ptr<StatementCache> statements_;
  const std::shared_ptr<CommitContext> commits_;
};

Task<absl::StatusOr<std::vector<std::vector<Row>>>> PostgresDatabase::Core::RunScript(
    std::shared_ptr<Core> self, std::vector<std::string> statements) {
  const size_t count = statements.size();
  const auto run = std::make_shared<QueryRun>(Script(std::move(statements)));
  co_await postgres::Run::Once(run, self->set_up_);
  if (run->failure().has_value()) {
    const Failure failure = *run->failure();
    co_await RollBack(self->set_up_);
    co_return postgres::ToStatus(failure, absl::StrCat("statement ", failure.step, " of a script"));
  }
  std::vector<std::vector<Row>> rows = std::move(run->rows());
  rows.erase(rows.begin(), rows.begin() + 2);
  rows.resize(count);
  co_return rows;
}

Task<absl::Status> PostgresDatabase::Core::SetUp(std::shared_ptr<Core> self) {
  HF_CO_RETURN_IF_ERROR(co_await Pool::ConnectOne(self->set_up_));
  HF_CO_RETURN_IF_ERROR(co_await CheckDurability(self));
  HF_CO_RETURN_IF_ERROR(co_await MakeHelpers(self));
  self->set_up_->close_idle();
  co_return co_await Pool::ConnectOne(self->writers_);
}

// Of what is on, remote_write and the like the database's owner knows best.
Task<absl::Status> PostgresDatabase::Core::CheckDurability(std::shared_ptr<Core> self) {
  std::vector<std::string> read;
  read.emplace_back("SELECT current_setting('synchronous_commit')");
  auto setting = co_await RunScript(self, std::move(read));
  HF_CO_RETURN_IF_ERROR(setting.status());
  if ((*setting)[0][0][0] != Value(std::string("off"))) co_return absl::OkStatus();
  co_return absl::FailedPreconditionError(
      "synchronous_commit is off: what is acknowledged could be lost in a crash");
}

Task<absl::Status> PostgresDatabase::Core::MakeHelpers(std::shared_ptr<Core> self) {
  std::vector<std::string> read;
  read.emplace_back(postgres::kReadHelpersVersion);
  auto version = co_await RunScript(self, std::move(read));
  if (version.ok() && !(*version)[0].empty()) {
    const auto* there = std::get_if<int64_t>(&(*version)[0][0][0]);
    if (there != nullptr && *there > postgres::kHelpersVersion) {
      co_return MakeError(Reason::kSchemaNewer,
                          "the database was set up by a newer version of this library");
    }
    if (there != nullptr && *there == postgres::kHelpersVersion) co_return absl::OkStatus();
  }
  auto made = co_await RunScript(self, postgres::HelperStatements());
  co_return made.status();
}

Task<absl::StatusOr<int64_t>> PostgresDatabase::Core::ForgetKeys(std::shared_ptr<Core> self,
                                                                 Timestamp before, int64_t limit) {
  Batch batch("idempotency.forget");
  const StepHandle gone = batch.add(
      Step{.sql = std::string(postgres::kForgetKeys), .binds = {{before.value(), limit}}});
  const Outcome outcome = co_await Commit(self->commits_, std::move(batch));
  if (!outcome.ok()) co_return outcome.status();
  co_return static_cast<int64_t>(outcome.rows(gone).size());
}

PostgresDatabase::PostgresDatabase(std::shared_ptr<Core> core) : core_(std::move(core)) {}

PostgresDatabase::~PostgresDatabase() { core_->close(); }

Task<Outcome> PostgresDatabase::commit(Batch batch) {
  return Commit(core_->commits(), std::move(batch));
}

Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> PostgresDatabase::snapshot() {
  return TakeSnapshot(core_->snapshots());
}

Task<absl::StatusOr<std::vector<std::vector<Row>>>> PostgresDatabase::run_script(
    std::vector<std::string> statements) {
  return Core::RunScript(core_, std::move(statements));
}

Task<absl::StatusOr<std::vector<std::vector<Row>>>> PostgresDatabase::run_script(
    std::string script) {
  return Core::RunScript(core_, postgres::SplitScript(script));
}

Task<absl::StatusOr<int64_t>> PostgresDatabase::forget_keys(Timestamp before, int64_t limit) {
  return Core::ForgetKeys(core_, before, limit);
}

const PostgresStats& PostgresDatabase::stats() const { return core_->stats(); }

Task<absl::StatusOr<std::unique_ptr<PostgresDatabase>>> OpenPostgres(Env& env,
                                                                     PostgresOptions options) {
  std::shared_ptr<PostgresStats> stats = options.stats;
  if (stats == nullptr) stats = std::make_shared<PostgresStats>();
  auto hosts = postgres::ParseDsn(options, SessionSettings(options));
  HF_CO_RETURN_IF_ERROR(hosts.status());
  auto core =
      std::make_shared<PostgresDatabase::Core>(env, options, std::move(stats), *std::move(hosts));
  core->start();
  auto database = std::make_unique<PostgresDatabase>(core);
  HF_CO_RETURN_IF_ERROR(co_await PostgresDatabase::Core::SetUp(core));
  co_return database;
}

}  // namespace holdfast::batch
