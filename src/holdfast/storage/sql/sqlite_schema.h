// The tables in SQLite: made when a database is new, brought up to date when it is old, refused
// when a newer Holdfast wrote it. Declared indexes come and go with the schema at each opening.
#pragma once

#include "absl/status/statusor.h"
#include "holdfast/batch/sqlite/connection.h"
#include "holdfast/storage/sql/schema.h"
#include "holdfast/storage/sql/sql_engine.h"

namespace holdfast::storage::sql {

[[nodiscard]] const Migrations& SqliteMigrations();

[[nodiscard]] absl::StatusOr<Opened> PrepareSqlite(
    batch::sqlite::Connection& connection, const PrepareOptions& options,
    const Migrations& migrations = SqliteMigrations());

}  // namespace holdfast::storage::sql
