// As much of PostgreSQL's lexical structure (manual, chapter 4.1) as it takes to find a statement's
// main verb, its RETURNING and its end: comments, strings, quoted names, parentheses.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace holdfast::batch::postgres {

struct StatementParts {
  enum class Verb { kSelect, kInsert, kUpdate, kDelete, kOther };
  Verb verb = Verb::kOther;
  std::string_view with;      // "WITH a AS (…)" with the space behind it, or empty
  bool with_changes = false;  // a part of it may change something
  std::string_view main;      // from the verb on, without trailing semicolons
  bool returning = false;     // at the main statement's own level
};

[[nodiscard]] StatementParts Dissect(std::string_view sql);

// Offsets of the semicolons between statements.
[[nodiscard]] std::vector<size_t> FindSemicolons(std::string_view sql);

}  // namespace holdfast::batch::postgres
