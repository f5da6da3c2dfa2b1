#include "holdfast/storage/sql/open.h"

#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/storage/sql/postgres_schema.h"
#include "holdfast/storage/sql/sql_engine.h"
#include "holdfast/storage/sql/sqlite_schema.h"

namespace holdfast::storage {
namespace {

// The engine's statements find everything by an index, one row after the other. A plan that reads
// whole tables would be chosen while they are small, and kept; and SERIALIZABLE would take such a
// reader for one of all rows.
const std::vector<std::pair<std::string, std::string>> kSettings = {
    {"plan_cache_mode", "force_generic_plan"},
    {"enable_seqscan", "off"},
    {"enable_hashjoin", "off"},
    {"enable_mergejoin", "off"},
    {"enable_sort", "off"},  // only what an index has put into order by its first column
    {"jit", "off"}};

// Making an index takes as long as it takes. A session of its own, that is gone afterwards.
Task<absl::StatusOr<sql::Opened>> PrepareWithPatience(Env& env, PostgresEngineOptions options) {
  constexpr Duration kPatience = Seconds(24 * 3600);
  batch::PostgresOptions& postgres = options.postgres;
  postgres.isolation = batch::Isolation::kReadCommitted;
  postgres.connections = 1;
  postgres.snapshots = 1;
  postgres.statement_timeout = kPatience;
  postgres.commit_timeout = kPatience;
  sql::PrepareOptions prepare{.fresh_incarnation = NewUid(env).str(),
                              .origin = options.origin,
                              .indexes = std::move(options.indexes)};
  std::string space = postgres.schema;
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<batch::Database> database,
                         co_await batch::OpenPostgres(env, std::move(postgres)));
  absl::StatusOr<sql::Opened> opened = co_await sql::PreparePostgres(
      *database, std::move(space), std::move(prepare), sql::PostgresMigrations());
  co_return opened;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenSqliteEngine(Env& env, SqliteEngineOptions options) {
  options.sqlite.path = options.path;
  HF_ASSIGN_OR_RETURN(std::unique_ptr<batch::sqlite::SqliteDatabase> database,
                      batch::sqlite::SqliteDatabase::Open(env, std::move(options.sqlite)));
  const sql::PrepareOptions prepare{.fresh_incarnation = NewUid(env).str(),
                                    .origin = options.origin,
                                    .indexes = std::move(options.indexes)};
  HF_ASSIGN_OR_RETURN(sql::Opened opened, sql::PrepareSqlite(database->setup(), prepare));
  return std::make_unique<sql::SqlEngine>(env, sql::SqliteDialect(), std::move(database),
                                          std::move(opened));
}

Task<absl::StatusOr<std::unique_ptr<Engine>>> OpenPostgresEngine(Env& env,
                                                                 PostgresEngineOptions options) {
  HF_CO_ASSIGN_OR_RETURN(sql::Opened opened, co_await PrepareWithPatience(env, options));
  options.postgres.settings.insert(options.postgres.settings.end(), kSettings.begin(),
                                   kSettings.end());
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<batch::Database> database,
                         co_await batch::OpenPostgres(env, std::move(options.postgres)));
  co_return std::make_unique<sql::SqlEngine>(env, sql::PostgresDialect(), std::move(database),
                                             std::move(opened));
}

}  // namespace holdfast::storage
