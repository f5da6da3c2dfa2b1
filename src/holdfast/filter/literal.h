// The values that a filter's author wrote, as the compared field's type. Internal to filter/.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/filter/value.h"

namespace holdfast::filter {

// INVALID_ARGUMENT, plain, saying what was expected. `field` isn't of kMessage or kBytes.
[[nodiscard]] absl::StatusOr<Value> ParseLiteral(const google::protobuf::FieldDescriptor* field,
                                                 std::string_view text);

}  // namespace holdfast::filter
