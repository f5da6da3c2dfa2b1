// The grammar of AIP-160 by recursive descent. Internal to filter/.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/filter/node.h"

namespace holdfast::filter {

// Bounded, valid UTF-8, and not only space. INVALID_FILTER if it doesn't parse or doesn't fit.
[[nodiscard]] absl::StatusOr<Filter::Node> ParseFilter(std::string_view text,
                                                       const google::protobuf::Descriptor* type);

}  // namespace holdfast::filter
