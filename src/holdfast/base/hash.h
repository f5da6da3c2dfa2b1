// Hashes whose values are stored or sent: the same on every machine, for ever.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// 64-bit FNV-1a (draft-eastlake-fnv). Shards of names, and numbers of derived fields.
[[nodiscard]] uint64_t Fnv1a64(std::string_view data);

// HMAC-SHA256 (RFC 2104), 32 bytes. Signs page and resume tokens.
[[nodiscard]] std::string HmacSha256(std::string_view key, std::string_view data);

// SHA-256, 32 bytes. Identifies requests and deletion plans.
[[nodiscard]] std::string Sha256(std::string_view data);

// Compares in a time that doesn't depend on where the two differ.
[[nodiscard]] bool EqualInConstantTime(std::string_view a, std::string_view b);

}  // namespace holdfast
