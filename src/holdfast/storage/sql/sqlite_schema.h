// The tables in SQLite: made when a database is new, brought up to date when it is old, refused
// when a newer Holdfast wrote it. Declared indexes come and go with the schema at each opening.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/batch/sqlite/connection.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/sql_engine.h"

namespace holdfast::storage::sql {

// The version of the tables that this code reads and writes.
inline constexpr int64_t kSchemaVersion = 1;

// `fresh_incarnation` is taken by a new database, or, with kRestored, by any: the file is a backup
// that was put back, and places in the feed of the one it was aren't places in this one.
enum class Origin { kSame, kRestored };

struct PrepareOptions {
  std::string fresh_incarnation;
  Origin origin = Origin::kSame;
  std::vector<IndexDefinition> indexes;
};

[[nodiscard]] absl::StatusOr<Opened> PrepareSqlite(batch::sqlite::Connection& connection,
                                                   const PrepareOptions& options);

}  // namespace holdfast::storage::sql
