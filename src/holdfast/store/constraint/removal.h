// The second half of a large deletion: what was decided is done, in bounded batches, leaves first
// and the root last. Can be broken off after any batch and gone on with by anybody.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/constraint/round.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

// Runs changes that no client asked for through the layers. True: committed; false: somebody else
// was faster.
class Committer {
 public:
  virtual ~Committer() = default;
  virtual Task<absl::StatusOr<bool>> commit_removal(WriteSet& set) = 0;
};

class Removal {
 public:
  // The root is DELETING. All outlive the object.
  Removal(Env& env, storage::Engine& engine, const Plans& plans, Committer& committer,
          storage::Row root, size_t max_batch_ops);

  // Goes on until the root is gone, nothing more can be done now, or `budget` rows are changed.
  // Returns how many were.
  Task<absl::StatusOr<size_t>> run(size_t budget);
  [[nodiscard]] bool done() const { return done_; }

  // What is known of a deletion and needn't be found out again by who goes on with it.
  struct Progress {
    bool open_gone = false;  // what needed no closing; no other comes
  };
  [[nodiscard]] Progress progress() const { return progress_; }
  void go_on_from(Progress progress) { progress_ = progress; }

 private:
  Task<absl::StatusOr<bool>> remove_open();
  Task<absl::StatusOr<bool>> sweep_closed();
  [[nodiscard]] bool is_closed(const storage::Row& row) const;
  [[nodiscard]] storage::DutyQuery closed_rows() const;
  Task<absl::StatusOr<storage::ScanPage>> closed_page(storage::DutyQuery query);
  Task<absl::StatusOr<bool>> remove_open_below(const storage::Row& row);
  Task<absl::StatusOr<bool>> remove_open_kind(const storage::Row& row, const KindPlan& kind);
  Task<absl::StatusOr<bool>> has_children(storage::Snapshot& snapshot, const storage::Row& row);
  Task<absl::StatusOr<bool>> finish_root();

  // Erases rows that have no children left, and first clears what refers to them. Sets spent_.
  Task<absl::Status> erase(std::vector<storage::Row> rows);
  // False: the references to clear filled the batch; the row is for the next one.
  Task<absl::StatusOr<bool>> add_unsets(WriteSet& set, storage::Snapshot& snapshot,
                                        const storage::Row& row);
  [[nodiscard]] absl::Status add_erasure(WriteSet& set, storage::Row row);
  Task<absl::Status> commit(WriteSet& set);
  [[nodiscard]] bool is_spent() const { return changed_ >= budget_; }

  Env& env_;
  storage::Engine& engine_;
  const Plans& plans_;
  Committer& committer_;
  const storage::Row root_;
  const size_t max_batch_ops_;
  size_t budget_ = 0;
  size_t changed_ = 0;
  Progress progress_;
  bool done_ = false;
};

}  // namespace holdfast::store
