// Index conditions as SQLite's SQL, over a column `fields` that holds IndexedFieldsJson's texts.
// SQLite uses an expression index only where a query has the very expression of the index: both
// come from here.
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

}  // namespace holdfast::filter
