// Deletions that take more than one batch, from a client's request to the last row; and what the
// background does for those that nobody is at.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "holdfast/base/mutex.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/constraint/removal.h"
#include "holdfast/store/constraint/round.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

class Deletions {
 public:
  struct Options {
    size_t max_batch_ops = 500;
    Duration closing_patience;
  };
  // All outlive the object.
  Deletions(Env& env, storage::Engine& engine, const Plans& plans, Committer& committer,
            Options options)
      : env_(env), engine_(engine), plans_(plans), committer_(committer), options_(options) {}

  // What came of one attempt at set.large.
  struct Attempt {
    Verdict verdict;
    Revision revision;                    // of the decision
    std::optional<storage::Row> decided;  // the root, if it is decided and not yet gone
  };
  Task<Attempt> attempt(WriteSet& set);

  // Goes on with a decided deletion until it is done, can't go on now, or the deadline comes.
  Task<absl::Status> finish(storage::Row root, std::optional<Duration> deadline);

  // A bounded piece of what rows wait for. Returns how many rows were changed; 0: nothing to do.
  Task<absl::StatusOr<size_t>> run_duties();
  // The same for one round that somebody waits for.
  Task<absl::Status> help(std::string round);

 private:
  Task<absl::StatusOr<size_t>> remove_decided();
  Task<absl::StatusOr<size_t>> reopen_abandoned(std::optional<std::string> round);
  [[nodiscard]] bool is_abandoned(const storage::Row& root);
  Task<void> give_up(const Change& root, std::string round);
  [[nodiscard]] Removal::Progress progress_of(const std::string& round);
  void note_progress(const std::string& round, const Removal& removal);

  Env& env_;
  storage::Engine& engine_;
  const Plans& plans_;
  Committer& committer_;
  const Options options_;
  LiveRounds live_;
  Mutex mutex_;
  std::map<std::string, Removal::Progress> begun_ ABSL_GUARDED_BY(mutex_);  // by round
};

}  // namespace holdfast::store
