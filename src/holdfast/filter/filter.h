// AIP-160 filters, checked against a message type when parsed, evaluated in memory, and pushed
// down to an index where one serves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

inline constexpr size_t kMaxFilterBytes = 16 * 1024;
inline constexpr int kMaxFilterDepth = 64;

// A value in the order and type that an index holds it in. Timestamps and durations are int64
// nanoseconds; enums their numbers; bools 0 and 1.
using IndexValue = std::variant<int64_t, double, std::string>;

// One comparison that every match satisfies: `path op value`, where an absent field satisfies none.
struct IndexCondition {
  enum class Op { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  std::string path;  // dotted
  Op op = Op::kEqual;
  IndexValue value;
};

class Filter {
 public:
  // INVALID_ARGUMENT with reason INVALID_FILTER, field "filter", position and what was expected.
  [[nodiscard]] static absl::StatusOr<Filter> Parse(std::string_view text,
                                                    const google::protobuf::Descriptor* type);
  // Matches everything.
  Filter();

  [[nodiscard]] bool matches(const google::protobuf::Message& resource) const;
  [[nodiscard]] bool empty() const;

  // Conditions on the given paths that every match satisfies (a conjunction; perhaps none). A
  // prefilter: what satisfies them may still not match.
  [[nodiscard]] std::vector<IndexCondition> index_conditions(
      const std::vector<std::string>& indexed_paths) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;  // immutable, shared by copies
};

// The JSON object of a resource's values at the given paths, as an index holds them; absent values
// are left out. Deterministic. What index_conditions() compares with.
[[nodiscard]] std::string IndexedFieldsJson(const google::protobuf::Message& resource,
                                            const std::vector<std::string>& paths);

// May a field of this path be indexed? (singular all the way, scalar, timestamp, duration or enum)
[[nodiscard]] absl::Status CheckIndexable(const google::protobuf::Descriptor* type,
                                          std::string_view path);

}  // namespace holdfast::filter
