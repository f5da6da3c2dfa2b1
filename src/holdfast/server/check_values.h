// Values that a well-formed message may hold and that nobody could use: numbers without an enum
// value, times that no calendar has, types that aren't known. Internal to server/.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace holdfast::server {

// Messages within messages; protobuf itself reads 100.
inline constexpr int kMaxMessageDepth = 64;

// INVALID_ARGUMENT with the path of the first such value. What passes can be shown as JSON.
[[nodiscard]] absl::Status CheckValues(const google::protobuf::Message& request);

}  // namespace holdfast::server
