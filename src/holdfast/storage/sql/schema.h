// What opening a database needs, whatever its make: tables of the right version, declared indexes.
//
// The tables' version is in `meta`. An older database is brought up to date step by step, each step
// a transaction that also sets the version: whoever is interrupted goes on where it was, and of two
// who open it at once each step is done by one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {

// The step that brings the tables from version `to` - 1 to `to`; 0 is an empty database.
struct Migration {
  int64_t to = 0;
  std::vector<std::string> statements;
};
// In order, without gaps: the last one's version is the one that the code reads and writes.
using Migrations = std::vector<Migration>;

// `fresh_incarnation` is taken by a new database, or, with kRestored, by any: the data is a backup
// that was put back, and places in the feed of the one it was aren't places in this one.
enum class Origin { kSame, kRestored };

struct PrepareOptions {
  std::string fresh_incarnation;
  Origin origin = Origin::kSame;
  std::vector<IndexDefinition> indexes;
};

// SCHEMA_NEWER if the database is of a later version than the last migration makes.
[[nodiscard]] absl::Status CheckVersion(int64_t found, const Migrations& migrations);

// A declared index as `kind` has it. Its name tells it from our own ones, and fits everywhere.
inline constexpr std::string_view kDeclaredPrefix = "declared:";
[[nodiscard]] FieldIndex DeclaredIndex(int64_t kind, const std::vector<std::string>& paths);

}  // namespace holdfast::storage::sql
