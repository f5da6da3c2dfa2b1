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

  // --- deletions: RequireUnheld is what makes them safe ---
  // One batch may erase a row if nobody holds it: RequireUnheld{key}. Larger ones ask whoever does,
  // behind the commit that has made the row CLOSING under `deletion`, by the one who committed it.
  struct Round {
    int64_t number = 0;
    std::vector<DeploymentId> sources;
  };
  // nullopt: a write elsewhere isn't settled yet; again later. CONFLICT: it isn't CLOSING any more.
  Task<absl::StatusOr<std::optional<Round>>> begin_round(Life target, std::string deletion);
  // The source was free in this round. When all are, the batch that decides the deletion holds
  // RequireUnheld{key, number}, and requires the row to be CLOSING under it.
  Task<absl::Status> note_free(Life target, DeploymentId source, int64_t round);
  // For the batch that erases a DELETING row, beside RequireUnheld{key}. nullopt: it had no rounds.
  Task<absl::StatusOr<std::optional<storage::Op>>> forget_rounds(storage::Snapshot& snapshot,
                                                                 ResourceKey key);

  // Asks what became of writes that weren't confirmed in time, and whether those who were confirmed
  // still have their rights. Returns how many are settled now.
  Task<absl::StatusOr<size_t>> run_duties();

 private:
  // Each: false if somebody was faster.
  Task<absl::StatusOr<bool>> try_to_establish(const Establish& what, Established& answer);
  Task<absl::StatusOr<bool>> try_to_confirm(const Confirm& what);
  Task<absl::StatusOr<bool>> try_to_release(const Release& what);
  Task<absl::StatusOr<bool>> try_to_drop(const Drop& what);
  Task<absl::StatusOr<bool>> try_to_begin_round(const Life& target, const std::string& deletion,
                                                std::optional<Round>& begun);
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
