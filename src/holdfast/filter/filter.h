// AIP-160 filters, checked against a message type when parsed, evaluated in memory, and pushed
// down to an index where one serves. What a filter means, exactly: docs/reference/filter.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

// A filter is read by people and built by clients; a page of text is more than either needs.
inline constexpr size_t kMaxFilterBytes = 16 * 1024;
// Parentheses within parentheses. Parsing and evaluating recurse this deep.
inline constexpr int kMaxFilterDepth = 64;
// Fields in one path, a.b.c being three. Evaluating recurses this deep.
inline constexpr size_t kMaxPathFields = 32;

// A value as an index holds it: integers in the order of the numbers, texts in the order of their
// bytes. Databases then need no numeric type but 64-bit integers, and no conversion can round.
//
//   signed integers, enums     the number; bools 0 and 1
//   unsigned integers          the number - 2^63
//   float, double              the IEEE 754 bits, put in order; -0.0 is 0.0; NaN is absent
//   Timestamp, Duration        nanoseconds; what doesn't fit is held as the nearest that does
//   string                     the text, with U+0000 as U+0001 U+0001, and U+0001 as U+0001 U+0002
//                              (databases cut texts at U+0000)
using IndexValue = std::variant<int64_t, std::string>;

// One comparison that every match satisfies: `path op value`, where an absent field satisfies none.
struct IndexCondition {
  enum class Op { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  std::string path;  // dotted
  Op op = Op::kEqual;
  IndexValue value;

  friend bool operator==(const IndexCondition&, const IndexCondition&) = default;
};

class Filter {
 public:
  // INVALID_ARGUMENT with reason INVALID_FILTER, field "filter", position and what was expected.
  // `type` must outlive the filter and all its copies.
  [[nodiscard]] static absl::StatusOr<Filter> Parse(std::string_view text,
                                                    const google::protobuf::Descriptor* type);
  // Matches everything.
  Filter();

  // `resource` must be of the type that the filter was parsed for. Thread-safe.
  [[nodiscard]] bool matches(const google::protobuf::Message& resource) const;
  [[nodiscard]] bool empty() const;

  // Conditions on the given paths that every match satisfies (a conjunction; perhaps none). A
  // prefilter: what satisfies them may still not match.
  [[nodiscard]] std::vector<IndexCondition> index_conditions(
      const std::vector<std::string>& indexed_paths) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;  // immutable, shared by copies; null: matches everything
};

// The JSON object of a resource's values at the given paths, as an index holds them; absent values
// are left out. Deterministic: sorted by path. What index_conditions() compares with. The paths
// must have passed CheckIndexable for the resource's type.
[[nodiscard]] std::string IndexedFieldsJson(const google::protobuf::Message& resource,
                                            const std::vector<std::string>& paths);

// May a field of this path be indexed? (singular all the way, scalar, timestamp, duration or enum;
// google.protobuf's wrappers count as optional scalars). INVALID_ARGUMENT, plain, if not.
[[nodiscard]] absl::Status CheckIndexable(const google::protobuf::Descriptor* type,
                                          std::string_view path);

}  // namespace holdfast::filter
