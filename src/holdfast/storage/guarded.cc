#include "holdfast/storage/guarded.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/failed_guards.h"

namespace holdfast::storage {

Explain Handled(std::source_location place) {
  return [place](const Failure&) {
    NoteFailedGuard(place);
    return MakeError(Reason::kConflict, "somebody else was faster");
  };
}

Task<absl::StatusOr<bool>> CommitGuarded(Engine& engine, Batch batch, UnknownOutcome unknown) {
  using Kind = Failure::Kind;
  const std::string label = batch.label;
  const Commit commit = co_await engine.commit(std::move(batch));
  if (commit.ok()) co_return true;
  switch (commit.failure->kind) {
    case Kind::kGuard:
    case Kind::kRetryable:
      co_return false;
    case Kind::kAmbiguous:
      if (unknown == UnknownOutcome::kIsNo) co_return false;
      co_return MakeError(Reason::kCommitUnknown, absl::StrCat(label, ": the answer was lost"));
    case Kind::kUnavailable:
      co_return MakeError(Reason::kDatabaseUnavailable, "the database can't be reached; try again");
    default:
      co_return MakeError(Reason::kInternal, absl::StrCat(label, ": ", commit.failure->message));
  }
}

}  // namespace holdfast::storage
