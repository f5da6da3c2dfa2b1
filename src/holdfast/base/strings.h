// Byte strings: keys, text for people, and the border between std::string_view and Debian's
// absl::string_view, which are different types.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace holdfast {

[[nodiscard]] inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
[[nodiscard]] inline std::string_view ToStd(absl::string_view s) { return {s.data(), s.size()}; }

// The smallest string that is greater than every string with this prefix, for key ranges.
// A prefix of only 0xff bytes (or none) gives "": no end.
[[nodiscard]] std::string PrefixEnd(std::string_view prefix);

// Whether `s` is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
[[nodiscard]] bool IsUtf8(std::string_view s);

// For messages: at most `limit` bytes, cut at a UTF-8 border with an ellipsis, control characters
// and bytes that aren't UTF-8 escaped.
[[nodiscard]] std::string ForMessage(std::string_view s, size_t limit = 120);

// For protobuf's string fields: at most `limit` bytes, cut at a UTF-8 border with an ellipsis;
// bytes that aren't UTF-8 become U+FFFD. Nothing else is changed.
[[nodiscard]] std::string ToUtf8(std::string_view s, size_t limit);

}  // namespace holdfast
