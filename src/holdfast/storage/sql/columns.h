// Between the storage's values and a database's columns.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/batch/batch.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/row.h"

namespace holdfast::storage::sql {

[[nodiscard]] inline batch::Value Number(int64_t n) { return n; }
[[nodiscard]] inline batch::Value Text(std::string s) { return s; }
// Empty is NULL: JSON functions take no empty text, and NULL takes no room.
[[nodiscard]] batch::Value TextOrNull(std::string s);
[[nodiscard]] batch::Value BlobOrNull(std::string s);
[[nodiscard]] batch::Value BlobOrNull(std::optional<std::string> s);
template <class T>
[[nodiscard]] batch::Value NumberOrNull(const std::optional<T>& n) {
  return n.has_value() ? batch::Value(n->value()) : batch::Value(batch::Null());
}

// NULL is 0 and "". The column must be of the type, or NULL.
[[nodiscard]] int64_t ToNumber(const batch::Value& value);
[[nodiscard]] std::string ToText(batch::Value value);
[[nodiscard]] std::string ToBytes(batch::Value value);

// A claim's key as parameters.
[[nodiscard]] batch::Row ClaimBinds(const ClaimKey& key);
// From the columns of see_claim, which begin at `first`. Takes them.
[[nodiscard]] Claim ToClaim(ClaimKey key, batch::Row& columns, size_t first);

// From the columns that begin at `first`: a shadow, or with Fields::kAll a row. Takes them.
[[nodiscard]] Row ToRow(ResourceKey key, batch::Row& columns, size_t first, Fields fields);

}  // namespace holdfast::storage::sql
