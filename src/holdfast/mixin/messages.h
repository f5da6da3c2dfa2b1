// What deployments say to each other about references. Each may be lost, repeated, or come after
// any later one. Names are in the callee's words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/env/task.h"
#include "holdfast/storage/row.h"

namespace holdfast::mixin {

// One life of a resource.
struct Life {
  ResourceKey key;
  Uid uid;

  friend auto operator<=>(const Life&, const Life&) = default;
};

// Source to target: hold these for a write of mine, all of them or none.
struct Establish {
  DeploymentId source;
  std::string token;  // of one write, for one attempt
  std::vector<ResourceKey> targets;
};

// Why the first that can't be held isn't.
struct Refusal {
  enum class Why { kNotFound, kClosing, kDeleting };
  size_t target = 0;  // index in Establish::targets
  Why why = Why::kNotFound;
};

struct Established {
  std::vector<Uid> uids;  // beside the targets
  std::optional<Refusal> refusal;
};

// Source to target: the write has committed.
struct Confirm {
  DeploymentId source;
  std::string token;
  Life target;
  int64_t incarnation = 0;
};

// Source to target: the write can never commit.
struct Release {
  std::string token;
  ResourceKey target;
};

// Source to target: no right any more.
struct Drop {
  DeploymentId source;
  Life target;
  int64_t incarnation = 0;
};

// Target to source: what became of the write? Answered for ever.
struct Resolve {
  std::string token;
  ResourceKey target;
};
struct Resolved {
  enum class Fate { kCommitted, kNever };
  Fate fate = Fate::kNever;
  // kCommitted: what the write refers to, by a right of which incarnation.
  Uid uid;
  int64_t incarnation = 0;
};

// Target to source: does something of yours block the deletion of this?
struct Question {
  Life target;
  int64_t round = 0;
};
struct Answer {
  enum class What {
    kFree,     // and no new reference is made as long as this round goes on
    kBlocked,  // `first` and `count` say by what
    kStale,    // a later round has been asked about
  };
  What what = What::kStale;
  std::vector<storage::Edge> first;  // at most kNamed
  int64_t count = 0;
  static constexpr size_t kNamed = 10;
};

// Target to source: this round is over, nothing was decided.
struct Restore {
  Life target;
  int64_t round = 0;
};

// Target to source: have you a right on this? A "no" names the last incarnation: it may be older
// than a right that was taken since.
struct Standing {
  bool has_right = false;
  int64_t incarnation = 0;
};

// Source to target: what became of this round?
enum class RoundState { kOn, kOver, kDecided };

// The other deployments. An error says nothing about whether the message has arrived.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual Task<absl::StatusOr<Established>> establish(DeploymentId to, Establish what) = 0;
  virtual Task<absl::Status> confirm(DeploymentId to, Confirm what) = 0;
  virtual Task<absl::Status> release(DeploymentId to, Release what) = 0;
  virtual Task<absl::Status> drop(DeploymentId to, Drop what) = 0;
  virtual Task<absl::StatusOr<Resolved>> resolve(DeploymentId to, Resolve what) = 0;
  virtual Task<absl::StatusOr<Answer>> ask(DeploymentId to, Question what) = 0;
  virtual Task<absl::Status> restore(DeploymentId to, Restore what) = 0;
  virtual Task<absl::StatusOr<Standing>> standing(DeploymentId to, Life what) = 0;
  virtual Task<absl::StatusOr<RoundState>> round_state(DeploymentId to, Question what) = 0;
};

}  // namespace holdfast::mixin
