// The tables in PostgreSQL, in a namespace (schema) of their own: as sqlite_schema.h, for several
// nodes that may open it at the same time.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "holdfast/batch/database.h"
#include "holdfast/env/task.h"
#include "holdfast/storage/sql/schema.h"
#include "holdfast/storage/sql/sql_engine.h"

namespace holdfast::storage::sql {

[[nodiscard]] const Migrations& PostgresMigrations();

// `database` looks into `space` first (PostgresOptions::schema), and its timeouts are long enough
// to make an index of everything. FAILED_PRECONDITION if the database isn't of UTF-8.
[[nodiscard]] Task<absl::StatusOr<Opened>> PreparePostgres(
    batch::Database& database, std::string space, PrepareOptions options,
    const Migrations& migrations = PostgresMigrations());

}  // namespace holdfast::storage::sql
