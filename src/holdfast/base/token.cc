#include "holdfast/base/token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/strings.h"

namespace holdfast {
namespace {

// Half of SHA-256, as RFC 2104 (section 5) allows: short tokens, and 2^128 guesses.
constexpr size_t kTagBytes = 16;

// The purpose's length goes first, so that no purpose and payload run together into another pair.
std::string Tag(std::string_view key, std::string_view purpose, std::string_view payload) {
  const std::string signed_text =
      absl::StrCat(purpose.size(), ":", ToAbsl(purpose), ToAbsl(payload));
  return HmacSha256(key, signed_text).substr(0, kTagBytes);
}

absl::Status NotOurs() { return absl::InvalidArgumentError("the token isn't one of this service"); }

}  // namespace

std::string SealToken(std::string_view key, std::string_view purpose, std::string_view payload) {
  return absl::WebSafeBase64Escape(absl::StrCat(ToAbsl(payload), Tag(key, purpose, payload)));
}

absl::StatusOr<std::string> OpenToken(std::string_view key, std::string_view purpose,
                                      std::string_view token) {
  if (token.size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token has over ", kMaxTokenBytes, " bytes"));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(ToAbsl(token), &bytes) || bytes.size() < kTagBytes) {
    return NotOurs();
  }
  // The decoder lets padding, spaces and stray bits pass; one token has one spelling.
  if (absl::WebSafeBase64Escape(bytes) != token) return NotOurs();
  const std::string_view all = bytes;
  const std::string_view payload = all.substr(0, all.size() - kTagBytes);
  const std::string_view tag = all.substr(payload.size());
  if (!EqualInConstantTime(tag, Tag(key, purpose, payload))) return NotOurs();
  return std::string(payload);
}

}  // namespace holdfast
