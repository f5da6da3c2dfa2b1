// The side of a deployment whose resources refer to those of others.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/env/env.h"
#include "holdfast/mixin/claims.h"
#include "holdfast/mixin/messages.h"
#include "holdfast/storage/engine.h"

namespace holdfast::mixin {

// What a write wants to refer to.
struct Wanted {
  ResourceKey target;
  DeploymentId where;
};

// What makes a write's references safe: ops for its own batch. `token` is empty if it needed no
// call: rights on all targets were there.
struct Permit {
  std::vector<storage::Op> ops;
  std::string token;
  std::vector<Taken> asked;
};

// Which of the wanted can't be had, and why.
struct Denied {
  ResourceKey target;
  Refusal::Why why = Refusal::Why::kNotFound;
};

// Thread-safe; all state is in the database.
class Source {
 public:
  // All outlive the object.
  Source(Env& env, storage::Engine& engine, Peers& peers, DeploymentId self)
      : env_(env), engine_(engine), peers_(peers), self_(std::move(self)) {}

  // --- writes ---
  struct Obtained {
    Permit permit;
    std::optional<Denied> denied;  // then the permit is empty
  };
  // Asks for what isn't there yet, before the batch is sent: the caller should have no snapshot out
  // meanwhile. Each target once.
  Task<absl::StatusOr<Obtained>> obtain(std::vector<Wanted> wanted);
  // Only if the permit's batch has certainly failed and will never be sent again.
  Task<void> give_back(Permit permit);
  // For a batch that takes away what may have been the last reference: somebody looks at the right.
  // nullopt: there is none.
  Task<absl::StatusOr<std::optional<storage::Op>>> look_at_right(storage::Snapshot& snapshot,
                                                                 ResourceKey target);

  // --- what other deployments ask for ---
  Task<absl::StatusOr<Resolved>> resolve(Resolve what);
  Task<absl::StatusOr<Answer>> answer(Question what);
  Task<absl::Status> restore(Restore what);
  Task<absl::StatusOr<Standing>> standing(Life what);

  // Confirms what was committed, drops rights that nobody needs, asks about those that are
  // suspended for long. Returns how many are settled now.
  Task<absl::StatusOr<size_t>> run_duties();

 private:
  Task<absl::StatusOr<std::optional<Denied>>> ask_for(const std::vector<ResourceKey>& targets,
                                                      const DeploymentId& where,
                                                      const std::string& token,
                                                      std::vector<Taken>& asked);
  // Each: false if somebody was faster.
  Task<absl::StatusOr<bool>> try_to_resolve(const Resolve& what, Resolved& answer);
  Task<absl::StatusOr<bool>> try_to_answer(const Question& what, Answer& answer);
  Task<absl::StatusOr<bool>> try_to_restore(const Restore& what);
  Task<absl::StatusOr<bool>> confirm(storage::Claim token);
  Task<absl::StatusOr<bool>> settle(storage::Claim right);
  Task<absl::StatusOr<bool>> tell_dropped(storage::Claim right);
  Task<absl::StatusOr<bool>> try_to_drop(storage::Claim right);
  Task<absl::StatusOr<bool>> put(storage::Claim claim, storage::ClaimTerms expected,
                                 const char* label);

  Env& env_;
  storage::Engine& engine_;
  Peers& peers_;
  const DeploymentId self_;
};

}  // namespace holdfast::mixin
