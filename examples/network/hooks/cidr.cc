#include "examples/network/hooks/cidr.h"

#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"

namespace holdfast::network {
namespace {

absl::Status Problem(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", ForMessage(text), "\" ", ToAbsl(what), "; write it as 172.30.0.0/22"));
}

// Reads a decimal number up to `max` and moves `text` behind it; -1 if there is none.
int64_t TakeNumber(std::string_view& text, int64_t max) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0 || value > max || text[0] == '-') return -1;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

absl::StatusOr<Ipv4Range> ParseIpv4Range(std::string_view text) {
  std::string_view rest = text;
  uint32_t address = 0;
  for (int i = 0; i < 4; ++i) {
    const int64_t octet = rest.empty() ? -1 : TakeNumber(rest, 255);
    const char separator = i == 3 ? '/' : '.';
    if (octet < 0 || rest.empty() || rest[0] != separator) {
      return Problem(text, "isn't an IPv4 range");
    }
    rest.remove_prefix(1);
    address = address << 8 | static_cast<uint32_t>(octet);
  }
  const int64_t bits = rest.empty() ? -1 : TakeNumber(rest, 32);
  if (bits < 0 || !rest.empty()) return Problem(text, "has no prefix length from 0 to 32");
  const uint32_t host_mask = bits == 32 ? 0 : ~0u >> bits;
  if ((address & host_mask) != 0) return Problem(text, "has bits set behind its prefix");
  return Ipv4Range{address, address | host_mask};
}

}  // namespace holdfast::network
