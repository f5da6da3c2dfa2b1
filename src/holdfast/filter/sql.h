// Index conditions as SQL, over a column `fields` that holds IndexedFieldsJson's texts. A database
// uses an expression index only where a query has the very expression of the index: both come from
// here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "holdfast/filter/filter.h"

namespace holdfast::filter {

// json_extract(fields, '$."a.b"'): for CREATE INDEX. `path` must have passed CheckIndexable.
[[nodiscard]] std::string IndexExpressionSql(std::string_view path);

// json_extract(fields, '$."a.b"') >= ?: for WHERE. Appends the value to bind: an INTEGER or a TEXT,
// to be bound with its length and compared by SQLite's default collation (BINARY).
[[nodiscard]] std::string IndexConditionSql(const IndexCondition& condition,
                                            std::vector<IndexValue>& binds);

// PostgreSQL: one text for each value, of which the order of bytes is that of the values: 'n' and
// 20 digits for a number, 's' and a text. `fields` is of type json. Entries of an index are bounded
// there, so texts are cut to this many characters; longer ones satisfy some conditions too many.
inline constexpr size_t kIndexedCharacters = 100;

// (CASE json_typeof(fields -> 'a.b') …) COLLATE "C": for CREATE INDEX. As IndexExpressionSql.
[[nodiscard]] std::string PostgresExpressionSql(std::string_view path);

struct PostgresCondition {
  std::string sql;    // "<expression> >= ", to be followed by a parameter
  std::string value;  // of the parameter, a text
};
[[nodiscard]] PostgresCondition PostgresConditionSql(const IndexCondition& condition);

}  // namespace holdfast::filter
