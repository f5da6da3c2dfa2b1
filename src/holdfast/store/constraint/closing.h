// The first half of a large deletion: everything that would go is closed, page by page; then what
// stands against it is known for certain, and it is decided or given up.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/constraint/round.h"
#include "holdfast/store/errors.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

struct ClosingOptions {
  size_t max_batch_ops = 500;
  std::optional<Duration> deadline;
  // How often the root says that somebody is at it, so that no other node gives the round up.
  Duration renewal;
  // Exactly this plan, or nothing.
  std::string plan_digest;
};

class Closing {
 public:
  // The root as it was read. All outlive the object.
  Closing(Env& env, storage::Engine& engine, const Plans& plans, const Change& root,
          std::string round, ClosingOptions options);

  // Closes the root and all that would go with it. OK: nothing stands against it; decide().
  // Otherwise the caller must reopen(). contested() may say whom to wait for.
  Task<absl::Status> close();
  // The root is on its way out, and everything closed with it. `request` is kept in the same
  // batch. Returns the decision's revision; an error if it could not be decided.
  Task<absl::StatusOr<Revision>> decide(std::optional<storage::PutRequest> request);

  [[nodiscard]] const std::optional<std::string>& contested() const { return contested_; }

 private:
  // A row that would go, as it is now.
  [[nodiscard]] absl::Status take(const storage::Row& row);
  [[nodiscard]] bool must_close(const KindPlan& plan) const;
  // Of a row that this round has closed, as of now.
  [[nodiscard]] storage::SetState restated(const storage::Row& row, storage::RowState to,
                                           uint32_t pending) const;

  Task<absl::StatusOr<bool>> close_root();
  // Before each page and batch: is there time left? Renews the root's time when that is due.
  Task<absl::Status> go_on();
  Task<absl::Status> renew();
  // One page of rows that haven't been expanded. False: there are none.
  Task<absl::StatusOr<bool>> expand_page();
  Task<absl::Status> expand(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::Status> take_children(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::Status> take_referrers(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::Status> flush();
  Task<absl::Status> flush_if_full();

  Task<absl::Status> check_blockers();
  Task<absl::Status> check_row(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::Status> check_children(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::StatusOr<bool>> is_inside(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::Status> check_plan();
  void note_blocker(Blocker blocker);

  Env& env_;
  storage::Engine& engine_;
  const Plans& plans_;
  const Change& root_;
  const std::string round_;
  const Force force_;
  const ClosingOptions options_;
  const Timestamp started_;
  Duration renewed_;  // by the clock that never goes back

  // Of the page at hand: rows that are in a batch already, the batch, and whether one was lost.
  std::set<ResourceKey> taken_;
  storage::Batch batch_;
  size_t batch_rows_ = 0;
  bool lost_ = false;
  int losses_ = 0;

  std::optional<std::string> contested_;
  std::vector<Blocker> first_blockers_;
  int64_t blockers_ = 0;
};

// Gives a round up: the root first marked, so that nobody can decide it any more, then all members
// opened, the root last. Returns how many rows were changed. Does nothing to a decided round.
Task<absl::StatusOr<size_t>> Reopen(storage::Engine& engine, storage::Row root, size_t max_ops);

}  // namespace holdfast::store
