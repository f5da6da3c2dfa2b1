// The side of a deployment whose resources others refer to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/env/env.h"
#include "holdfast/mixin/claims.h"
#include "holdfast/mixin/messages.h"
#include "holdfast/storage/engine.h"

namespace holdfast::mixin {

// Thread-safe; all state is in the database.
class Target {
 public:
  // All outlive the object.
  Target(Env& env, storage::Engine& engine, Peers& peers)
      : env_(env), engine_(engine), peers_(peers) {}

  // --- what other deployments ask for ---
  Task<absl::StatusOr<Established>> establish(Establish what);
  Task<absl::Status> confirm(Confirm what);
  Task<absl::Status> release(Release what);
  Task<absl::Status> drop(Drop what);
  Task<absl::StatusOr<RoundState>> round_state(Question what);

  // --- deletions ---
  // For small ones, in one batch: nobody elsewhere has anything to do with it.
  static void AddNobody(storage::Batch& batch, const ResourceKey& key, storage::Explain explain);

  // Larger ones, behind the commit that has made the row CLOSING under `deletion`, by who has
  // committed it.
  struct Round {
    int64_t number = 0;
    std::vector<DeploymentId> sources;
  };
  // nullopt: a write elsewhere isn't settled yet; again later. CONFLICT: it isn't CLOSING any more.
  Task<absl::StatusOr<std::optional<Round>>> begin_round(Life target, std::string deletion);
  // The source was free in this round.
  Task<absl::Status> note_free(Life target, DeploymentId source, int64_t round);
  // For the deciding batch, which also requires the row to be CLOSING under the same deletion:
  // everyone has been free in this round.
  static void AddDecision(storage::Batch& batch, const ResourceKey& key, int64_t round,
                          const storage::Explain& explain);
  // For the batch that erases a DELETING row: nobody has a right on it any more, and nothing is
  // left of its rounds.
  static Task<absl::Status> AddEnd(storage::Snapshot& snapshot, storage::Batch& batch,
                                   ResourceKey key, storage::Explain explain);

  // Asks what became of writes that weren't confirmed in time, and whether those who were confirmed
  // still have their rights. Returns how many are settled now.
  Task<absl::StatusOr<size_t>> run_duties();

 private:
  Task<absl::StatusOr<std::optional<Established>>> try_to_establish(const Establish& what);
  Task<absl::StatusOr<bool>> try_to_confirm(const Confirm& what);
  Task<absl::StatusOr<bool>> try_to_drop(const Drop& what);
  Task<absl::StatusOr<bool>> try_to_note(const Life& target, const DeploymentId& source,
                                         int64_t round);
  Task<absl::StatusOr<bool>> settle_blockade(storage::Claim blockade);
  Task<absl::StatusOr<bool>> settle_source(storage::Claim source);
  Task<absl::Status> look_at(storage::Claim claim, Timestamp due);

  Env& env_;
  storage::Engine& engine_;
  Peers& peers_;
};

}  // namespace holdfast::mixin
