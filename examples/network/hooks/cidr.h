// IPv4 address ranges in CIDR notation (RFC 4632).
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace holdfast::network {

struct Ipv4Range {
  uint32_t first = 0;
  uint32_t last = 0;

  [[nodiscard]] bool overlaps(const Ipv4Range& other) const {
    return first <= other.last && other.first <= last;
  }
};

// "172.30.0.0/22". INVALID_ARGUMENT (plain) says what is wrong; host bits must be 0.
[[nodiscard]] absl::StatusOr<Ipv4Range> ParseIpv4Range(std::string_view text);

}  // namespace holdfast::network
