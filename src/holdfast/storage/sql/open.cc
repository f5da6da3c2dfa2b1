#include "holdfast/storage/sql/open.h"

#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/storage/sql/sql_engine.h"

namespace holdfast::storage {

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

}  // namespace holdfast::storage
