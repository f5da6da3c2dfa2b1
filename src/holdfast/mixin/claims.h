// The claims of the protocol: what their keys, terms and notes mean.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/mixin/messages.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/engine.h"

namespace holdfast::mixin {

// How long until somebody looks again at what wasn't settled. Never decides safety.
inline constexpr Duration kPatience = Seconds(10);

// --- of the source -------------------------------------------------------------------------------

// A right. uid: of the target. number: its incarnation. round: by which it is suspended. note:
// where the target is.
enum RightState : int64_t {
  kHeld = storage::kRightHeld,
  kSuspended = 1,  // by a round of the target's, or by ourselves (kOwnRound), to be dropped
  kNone = 2,       // keeps the incarnation; due: the target must still be told
};
inline constexpr int64_t kOwnRound = 0;
[[nodiscard]] storage::ClaimKey RightOn(const ResourceKey& target);

// A write's token. note: which rights it has taken.
enum TokenState : int64_t { kCommitted = 0, kFenced = 1 };
[[nodiscard]] storage::ClaimKey TokenKey(const std::string& token);

// What a committed write has to confirm.
struct Taken {
  DeploymentId where;
  Life target;
  int64_t incarnation = 0;
};
[[nodiscard]] std::string PackTaken(const std::vector<Taken>& taken);
[[nodiscard]] absl::StatusOr<std::vector<Taken>> UnpackTaken(std::string_view note);

// --- of the target -------------------------------------------------------------------------------

// A blockade. uid: of the target. note: the deployment whose write it is.
[[nodiscard]] storage::ClaimKey BlockadeOn(const ResourceKey& target, const std::string& token);

// A back-reference source. uid: of the target. number: the incarnation of its right. round: the
// last one for which it was free. due: a late confirmation may have made it of a right that is
// gone, so that it must be asked once.
[[nodiscard]] storage::ClaimKey SourceOn(const ResourceKey& target, const DeploymentId& source);

// Rounds. uid: of the target. number: of the last one. note: the deletion that it was for.
[[nodiscard]] storage::ClaimKey RoundsOf(const ResourceKey& target);

// --- both ----------------------------------------------------------------------------------------

[[nodiscard]] Task<absl::StatusOr<std::optional<storage::Claim>>> ReadClaim(
    storage::Snapshot& snapshot, storage::ClaimKey key);

[[nodiscard]] Task<absl::StatusOr<std::optional<storage::Row>>> ReadRow(storage::Snapshot& snapshot,
                                                                        ResourceKey key);

// `after`, if what is there is `before` still.
[[nodiscard]] storage::PutClaim Changed(const storage::Claim& before, storage::Claim after);

// So many duties of a sort are looked at at once.
inline constexpr size_t kDutyPage = 100;

// Runs `attempt` until it is done; false: somebody was faster, it reads again. CONFLICT after some
// attempts, which names what it was about.
using Attempt = std::function<Task<absl::StatusOr<bool>>()>;
[[nodiscard]] Task<absl::Status> UntilDone(ResourceKey about, Attempt attempt);

[[nodiscard]] absl::Status MalformedAnswer(const DeploymentId& from);

}  // namespace holdfast::mixin
