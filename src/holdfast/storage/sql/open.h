// Opens a deployment's database.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/sqlite_schema.h"

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

}  // namespace holdfast::storage
