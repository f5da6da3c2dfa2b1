// AIP-132 order_by: "create_time desc, name".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

class OrderBy {
 public:
  // INVALID_ARGUMENT with reason INVALID_ORDER_BY. Fields must be singular and comparable.
  [[nodiscard]] static absl::StatusOr<OrderBy> Parse(std::string_view text,
                                                     const google::protobuf::Descriptor* type);
  // By name only.
  OrderBy() = default;

  [[nodiscard]] bool by_name_only() const { return terms_.empty(); }

  // A byte string whose order is the wanted order (descending terms inverted, absent values first
  // when ascending); the name must be appended by the caller to make it unique. What page tokens
  // hold.
  [[nodiscard]] std::string sort_key(const google::protobuf::Message& resource) const;

 private:
  struct Term {
    std::vector<const google::protobuf::FieldDescriptor*> path;
    enum class Direction { kAscending, kDescending } direction;
  };
  std::vector<Term> terms_;
};

}  // namespace holdfast::filter
