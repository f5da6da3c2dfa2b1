// Deletions that fit into one batch: everything that goes with them becomes changes of the same
// write, guarded so that whoever refers to it at the same moment loses, or makes this lose.
#pragma once

#include "holdfast/store/constraint/closure.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

struct ConstraintOptions {
  size_t max_batch_ops = 500;
  size_t max_inline_dependants = 100;
  size_t max_probed = 20'000;
};

// Adds to the set what the deletions in it take with them. Sets set.large if that doesn't fit.
Task<absl::Status> ExpandDeletions(WriteSet& set, ConstraintOptions options);

// Adds the checks that nothing refers to, or stands below, what the batch erases.
void AddDeletionChecks(WriteSet& set);

// Clears the references that these edges are, in a change of their source.
Task<absl::Status> AddUnset(WriteSet& set, storage::Snapshot& snapshot, const ResourceKey& source,
                            const std::vector<storage::Edge>& edges, size_t op);

}  // namespace holdfast::store
