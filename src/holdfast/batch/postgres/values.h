// Values as PostgreSQL's protocol has them.
//
// Parameters go as text of unspecified type, so a statement's own words must make their types
// plain ("$1::bigint" where it doesn't show); a Blob goes in binary. Of a set of binds each column
// is one array literal. Results are read by their type:
//
//   int2, int4, int8, oid, xid8   int64_t
//   bool                          int64_t 0 or 1
//   float4, float8                double
//   bytea                         Blob
//   all else                      std::string, as PostgreSQL prints it
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/batch/batch.h"

namespace holdfast::batch::postgres {

// The parameters of one execution. Keeps its memory for the next one.
class Parameters {
 public:
  void clear();
  // False: a text with a NUL byte, which PostgreSQL can't hold. `value` must outlive the use.
  [[nodiscard]] bool add(const Value& value);
  // All rows' values of one column. A row without that column counts as null there.
  [[nodiscard]] bool add_column(const std::vector<Row>& rows, size_t column);
  void add_number(int64_t number);

  [[nodiscard]] int size() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }
  [[nodiscard]] const int* lengths() const { return lengths_.data(); }
  [[nodiscard]] const int* formats() const { return formats_.data(); }

 private:
  enum class Format { kText = 0, kBinary = 1 };
  void push(const char* data, size_t size, Format format);
  std::string& next_text();

  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::deque<std::string> texts_;  // addresses stay
  size_t used_texts_ = 0;
};

// One column of a result, in text format.
[[nodiscard]] Value ReadValue(std::string_view text, uint32_t type);

// The elements of a one-dimensional array of text; nullopt for a null. Used for what the helper
// functions say of a failure.
[[nodiscard]] std::vector<std::optional<std::string>> ParseArray(std::string_view literal);

}  // namespace holdfast::batch::postgres
