// Opens a deployment's database.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/schema.h"

namespace holdfast::storage {

struct SqliteEngineOptions {
  // A file in a folder that is there; ":memory:" for tests, see batch::sqlite::SqliteOptions.
  std::string path;
  std::vector<IndexDefinition> indexes;
  // kRestored: the file is a backup put back. Watchers of the earlier database start anew.
  sql::Origin origin = sql::Origin::kSame;
  // How the file is driven. `path` above is the one that counts.
  batch::sqlite::SqliteOptions sqlite;
};

// Blocks while indexes are made. Errors: SCHEMA_NEWER, or UNAVAILABLE if the file can't be opened.
// `env` must outlive the engine, and the engine its commits; snapshots may be given back after it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Engine>> OpenSqliteEngine(Env& env,
                                                                       SqliteEngineOptions options);

struct PostgresEngineOptions {
  // `schema` must be set: the namespace of this deployment's tables, which is made if it isn't
  // there. Settings that the engine's statements need are added.
  batch::PostgresOptions postgres;
  std::vector<IndexDefinition> indexes;
  sql::Origin origin = sql::Origin::kSame;
};

// Any number of processes may have the same one open. Errors: SCHEMA_NEWER, UNAVAILABLE if no
// server that takes writes can be reached, FAILED_PRECONDITION if its database won't do. Lifetimes
// as above.
[[nodiscard]] Task<absl::StatusOr<std::unique_ptr<Engine>>> OpenPostgresEngine(
    Env& env, PostgresEngineOptions options);

}  // namespace holdfast::storage
