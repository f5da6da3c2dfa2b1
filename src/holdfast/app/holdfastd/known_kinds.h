// A database is served only with a schema that knows everything in it. Otherwise what belongs to a
// parent, or refers to something, would be left behind unseen when that goes.
#pragma once

#include <set>

#include "absl/status/status.h"
#include "holdfast/base/types.h"
#include "holdfast/env/task.h"
#include "holdfast/storage/engine.h"

namespace holdfast::app {

// SCHEMA_NEWER if there is a resource, perhaps one that is being deleted, of a kind that isn't
// among these. Reads one row of each kind.
[[nodiscard]] Task<absl::Status> CheckKinds(storage::Engine& engine, std::set<KindName> known);

}  // namespace holdfast::app
