// What deployments hold on each other's resources: one small row for a deployment and a resource,
// however many references share it. What each means is told in docs/design/references.md; an
// engine only keeps them, compares them and swaps them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "holdfast/base/types.h"

namespace holdfast::storage {

// Stored: never renumbered.
enum class ClaimType : uint8_t {
  kRight = 1,     // of this deployment on a resource of another one, which it may refer to
  kToken = 2,     // of a write of ours: whether it has committed, or never can
  kBlockade = 3,  // on a resource of ours, for a write elsewhere of which no more is known yet
  kSource = 4,    // on a resource of ours, of a deployment that has a right on it
  kRounds = 5,    // of a resource of ours: how often those elsewhere were asked about it
};

struct ClaimKey {
  ClaimType type = ClaimType::kRight;
  // Of a token: none.
  ResourceKey target;
  // Of a blockade and a token: the token. Of a source: the deployment. Otherwise empty.
  std::string holder;

  friend auto operator<=>(const ClaimKey&, const ClaimKey&) = default;
};

// What a swap compares: all of it, so that nobody takes a claim that went and came for the one that
// he has seen.
struct ClaimTerms {
  Uid uid;            // the target's life
  int64_t state = 0;  // 0 to kHighestClaimState
  int64_t number = 0;
  int64_t round = 0;
  int64_t version = 0;  // the engine's: 1, and one more each time it is put

  friend bool operator==(const ClaimTerms&, const ClaimTerms&) = default;
};
inline constexpr int64_t kHighestClaimState = 30;

// A right in this state can be used; see Engine::commit.
inline constexpr int64_t kRightHeld = 0;

inline constexpr Timestamp kNeverDue{std::numeric_limits<int64_t>::max()};

struct Claim {
  ClaimKey key;
  ClaimTerms terms;
  // When somebody must look at it.
  Timestamp due = kNeverDue;
  // What else its type keeps; any bytes.
  std::string note;
};

}  // namespace holdfast::storage
