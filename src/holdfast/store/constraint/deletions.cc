#include "holdfast/store/constraint/deletions.h"

#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/store/constraint/closing.h"
#include "holdfast/store/core/answers.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using storage::Row;
using storage::RowState;
using storage::Snapshot;

// Rows that one call of run_duties() changes, about.
constexpr size_t kDutyBudget = 2000;
// A request that drives its own deletion looks at its deadline this often.
constexpr size_t kFinishBudget = 2000;
constexpr size_t kRoots = 100;
// Deletions of which it is remembered how far they are; others are looked at from the start.
constexpr size_t kMaxBegun = 1000;

std::optional<storage::PutRequest> RequestRecord(const WriteSet& set) {
  const WriteRequest& request = set.request();
  if (request.request_id.empty()) return std::nullopt;
  return storage::PutRequest{
      .id = request.request_id, .hash = request.request_hash, .answer = PackAnswer(set)};
}

}  // namespace

Task<Deletions::Attempt> Deletions::attempt(WriteSet& set) {
  const Change& root = *set.large;
  const std::string round = NewRound(env_, root.force);
  const LiveRounds::Guard live(live_, round);
  Closing closing(env_, engine_, plans_, root, round,
                  {.max_batch_ops = options_.max_batch_ops,
                   .deadline = set.request().deadline,
                   .renewal = Duration(options_.closing_patience.value() / 3),
                   .plan_digest = set.request().ops[0].plan_digest});
  absl::Status status = co_await closing.close();
  absl::StatusOr<Revision> decided = Revision();
  if (status.ok()) {
    decided = co_await closing.decide(RequestRecord(set));
    status = decided.status();
  }
  Attempt result;
  if (status.ok()) {
    result.verdict = Verdict::Answer(absl::OkStatus());
    result.revision = *decided;
    result.decided = *root.row;
    result.decided->state = RowState::kDeleting;
    result.decided->round = round;
    result.decided->body.reset();
    co_return result;
  }
  co_await give_up(root, round);
  set.contested = closing.contested();
  const bool lost = ReasonOf(status) == Reason::kConflict;
  result.verdict = lost ? Verdict::Later(std::move(status)) : Verdict::Answer(std::move(status));
  co_return result;
}

// What can't be opened again now is opened by the background. A round that was decided after all
// (the answer got lost) isn't CLOSING any more, and stays decided.
Task<void> Deletions::give_up(const Change& root, std::string round) {
  Row row;
  row.key = root.key;
  row.uid = root.row->uid;
  row.round = std::move(round);
  row.delete_time = env_.clock().now();
  const absl::StatusOr<size_t> reopened =
      co_await Reopen(engine_, std::move(row), options_.max_batch_ops);
  (void)reopened;
}

Task<absl::Status> Deletions::finish(Row root, std::optional<Duration> deadline) {
  Removal removal(env_, engine_, plans_, committer_, std::move(root), options_.max_batch_ops);
  for (;;) {
    HF_CO_ASSIGN_OR_RETURN(const size_t changed, co_await removal.run(kFinishBudget));
    const bool late = deadline.has_value() && env_.clock().monotonic() >= *deadline;
    if (removal.done() || changed == 0 || late) co_return absl::OkStatus();
  }
}

Task<absl::StatusOr<size_t>> Deletions::run_duties() {
  HF_CO_ASSIGN_OR_RETURN(const size_t removed, co_await remove_decided());
  if (removed > 0) co_return removed;
  absl::StatusOr<size_t> reopened = co_await reopen_abandoned(std::nullopt);
  co_return reopened;
}

Task<absl::Status> Deletions::help(std::string round) {
  HF_CO_RETURN_IF_ERROR((co_await reopen_abandoned(std::move(round))).status());
  absl::Status status = (co_await remove_decided()).status();
  co_return status;
}

Task<absl::StatusOr<size_t>> Deletions::remove_decided() {
  storage::DutyQuery query{.state = RowState::kDeleting,
                           .round = std::nullopt,
                           .pending = 0,
                           .after = std::nullopt,
                           .limit = kRoots};
  size_t changed = 0;
  do {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->duties(query));
    snapshot.reset();
    for (Row& root : page.rows) {
      if (changed >= kDutyBudget) co_return changed;
      const std::string round = root.round;
      Removal removal(env_, engine_, plans_, committer_, std::move(root), options_.max_batch_ops);
      removal.go_on_from(progress_of(round));
      HF_CO_ASSIGN_OR_RETURN(const size_t some, co_await removal.run(kDutyBudget - changed));
      note_progress(round, removal);
      changed += some;
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return changed;
}

Removal::Progress Deletions::progress_of(const std::string& round) {
  const MutexLock lock(mutex_);
  const auto found = begun_.find(round);
  return found == begun_.end() ? Removal::Progress() : found->second;
}

void Deletions::note_progress(const std::string& round, const Removal& removal) {
  const MutexLock lock(mutex_);
  // Others may have ended what was begun here.
  if (begun_.size() >= kMaxBegun) begun_.clear();
  begun_[round] = removal.progress();
  if (removal.done()) begun_.erase(round);
}

// Only roots are asked for: they are the first to be closed and the last to be opened.
Task<absl::StatusOr<size_t>> Deletions::reopen_abandoned(std::optional<std::string> round) {
  storage::DutyQuery query{.state = RowState::kClosing,
                           .round = std::nullopt,
                           .pending = storage::kPendingRemove,
                           .after = std::nullopt,
                           .limit = kRoots};
  size_t changed = 0;
  do {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->duties(query));
    snapshot.reset();
    for (Row& root : page.rows) {
      if (round.has_value() && MemberName(root.round) != MemberName(*round)) continue;
      if (!is_abandoned(root)) continue;
      HF_CO_ASSIGN_OR_RETURN(const size_t some,
                             co_await Reopen(engine_, std::move(root), options_.max_batch_ops));
      changed += some;
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return changed;
}

bool Deletions::is_abandoned(const Row& root) {
  if (live_.contains(MemberName(root.round))) return false;
  if (engine_.writers() == storage::Engine::Writers::kThisProcess) return true;
  return env_.clock().now() >= root.delete_time + options_.closing_patience;
}

}  // namespace holdfast::store
