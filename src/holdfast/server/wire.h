// Serialized requests: parsing them, and saying where one is broken, which protobuf doesn't.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace holdfast::server {

// For bytes that `message` couldn't be parsed from: MALFORMED_REQUEST with the path of the field
// where they are cut off, nested too deep, or not UTF-8.
[[nodiscard]] absl::Status ExplainMalformed(const google::protobuf::Descriptor* type,
                                            std::string_view bytes);

}  // namespace holdfast::server
