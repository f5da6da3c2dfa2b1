// AIP-132 order_by: "create_time desc, name".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

// Sort keys are held in memory and in page tokens, so there is an end to them.
inline constexpr size_t kMaxOrderByBytes = 2 * 1024;
inline constexpr size_t kMaxOrderByTerms = 16;

class OrderBy {
 public:
  // INVALID_ARGUMENT with reason INVALID_ORDER_BY. Fields must be singular and comparable. `type`
  // must outlive the result and all its copies.
  [[nodiscard]] static absl::StatusOr<OrderBy> Parse(std::string_view text,
                                                     const google::protobuf::Descriptor* type);
  // By name only.
  OrderBy() = default;

  // An ascending "name" and what comes after it change nothing: names are unique.
  [[nodiscard]] bool by_name_only() const { return terms_.empty(); }

  // A byte string whose order is the wanted order (descending terms inverted, absent values first
  // when ascending); the name must be appended by the caller to make it unique. What page tokens
  // hold. No sort key is a prefix of another one of the same OrderBy.
  [[nodiscard]] std::string sort_key(const google::protobuf::Message& resource) const;

 private:
  struct Term {
    std::vector<const google::protobuf::FieldDescriptor*> path;
    enum class Direction { kAscending, kDescending } direction;
  };

  [[nodiscard]] static absl::StatusOr<Term> ParseTerm(std::string_view text,
                                                      const google::protobuf::Descriptor* type);

  std::vector<Term> terms_;
};

}  // namespace holdfast::filter
