// Opaque signed tokens for clients: page tokens, resume tokens.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace holdfast {

// Seals `payload` under `key` for one `purpose` ("page", "resume"): web-safe base64 of payload and
// a 16-byte tag. A token for one purpose doesn't open for another.
[[nodiscard]] std::string SealToken(std::string_view key, std::string_view purpose,
                                    std::string_view payload);

// The payload; INVALID_ARGUMENT (plain, the caller gives the reason) if it isn't ours. Bounded:
// tokens over kMaxTokenBytes are refused unread.
[[nodiscard]] absl::StatusOr<std::string> OpenToken(std::string_view key, std::string_view purpose,
                                                    std::string_view token);

inline constexpr size_t kMaxTokenBytes = 16 * 1024;

}  // namespace holdfast
