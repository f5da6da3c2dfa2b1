// One HTTP response as text, and errors in the form of AIP-193.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/types.h"

namespace holdfast::real {

inline constexpr std::string_view kJsonType = "application/json; charset=utf-8";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
// A JSON object a line.
inline constexpr std::string_view kLinesType = "application/x-ndjson; charset=utf-8";

struct HttpReply {
  int code = 200;
  std::string content_type{kJsonType};
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // beside those that all have
};

// `code` 0: the HTTP code of the status (AIP-193). With Retry-After where the status has RetryInfo.
[[nodiscard]] HttpReply ErrorReply(const absl::Status& status, int code = 0);

// {"error":{"code":404,"message":…,"status":"NOT_FOUND","details":[…]}} on one line.
[[nodiscard]] std::string ErrorJson(const absl::Status& status, int code = 0);

[[nodiscard]] int HttpCodeOf(absl::StatusCode code);

enum class Persistence { kKeepAlive, kClose };
enum class Framing { kLength, kChunked, kUntilClose };

// Status line and headers, to the empty line.
[[nodiscard]] std::string ReplyHead(const HttpReply& reply, Timestamp now, Framing framing,
                                    Persistence persistence);

}  // namespace holdfast::real
