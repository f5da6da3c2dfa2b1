// Which rows a batch locks where several write at once, and how strongly.
//
// All are locked before anything else, in order of their keys: so batches wait for each other and
// never in a circle. (But for the statement that locks and creates in one: a request_id comes
// before it. Two batches with one id that meet at a target may wait for each other; the database
// ends one of them, which is tried again.) What is checked afterwards is what the locks keep true.
#pragma once

#include <vector>

#include "holdfast/base/types.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {

struct RowLock {
  const ResourceKey* key = nullptr;
  Lock lock = Lock::kKeyShare;
  // The row is locked for this guard; nullptr: for the batch's changes, or as a target.
  const RequireRow* guard = nullptr;
};

struct Locks {
  std::vector<RowLock> rows;  // in order of key
  // Targets that the batch itself changes, or makes otherwise than open: to be looked at in the
  // end.
  std::vector<const ResourceKey*> own_targets;
};

// Points into the batch.
[[nodiscard]] Locks LocksOf(const Batch& batch);

// Takes the row out of the open ones: whoever had looked at it before must be through before its
// dependants are looked for.
[[nodiscard]] bool IsClosing(const SetState& op);

// Leaves a right that can't be used: likewise.
[[nodiscard]] bool IsSuspending(const PutClaim& op);

}  // namespace holdfast::storage::sql
