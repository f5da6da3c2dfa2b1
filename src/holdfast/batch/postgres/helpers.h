// What the driver keeps in each database that it uses: the schema "holdfast_batch".
//
//   fail(…)       looks closer: raises HF001 with what failed and what was observed
//   rehearsed()   raises HF002: everything went well, and nothing shall stay
//   idempotency   the keys of batches, see idempotency.h
//
// Made by the first who connects, under an advisory lock; a newer version replaces an older one's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::batch::postgres {

inline constexpr int64_t kHelpersVersion = 3;
// Advisory locks of set-up work: the helpers' own, and every script's.
inline constexpr int64_t kSetUpLock = 0x686f6c6466617374;  // "holdfast"

// One row: the version that is there; fails if there is none.
inline constexpr std::string_view kReadHelpersVersion =
    "SELECT max(version) FROM holdfast_batch.version";

// For one transaction; each may be repeated.
[[nodiscard]] const std::vector<std::string>& HelperStatements();

}  // namespace holdfast::batch::postgres
