// Texts behind each other in one string, for records that only the one who writes them reads.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace holdfast {

// Appends a text with its length before it (eight bytes, low first).
void PutText(std::string_view text, std::string& out);
// Takes the first text off `in`. INTERNAL if it is cut.
[[nodiscard]] absl::StatusOr<std::string_view> TakeText(std::string_view& in);

}  // namespace holdfast
