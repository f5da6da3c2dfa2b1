// Batches whose guards compare what was read before: if one fails, somebody else was faster, and
// the one who sent it reads again.
#pragma once

#include <source_location>

#include "absl/status/statusor.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/engine.h"

namespace holdfast::storage {

// For an op whose failure is the business of whoever commits the batch: it is only noted, by the
// place in the code that adds the op (base/failed_guards.h).
[[nodiscard]] Explain Handled(std::source_location place = std::source_location::current());

// Whether a commit of which the answer was lost counts as one that wasn't done: whoever reads again
// sees what is.
enum class UnknownOutcome { kIsNo, kIsAnError };

// False: somebody else was faster. Other failures are errors; COMMIT_UNKNOWN only if asked for.
Task<absl::StatusOr<bool>> CommitGuarded(Engine& engine, Batch batch,
                                         UnknownOutcome unknown = UnknownOutcome::kIsNo);

}  // namespace holdfast::storage
