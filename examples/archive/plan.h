// In which order, and in which batches, packages can be created when everything that a package
// depends on must be there, and some depend on each other.
#pragma once

#include <cstddef>
#include <vector>

#include "examples/archive/packages.h"

namespace holdfast::archive {

struct PlannedBatch {
  std::vector<size_t> packages;  // indexes into Index::packages
  // Batches (indexes into Plan::batches, all smaller) that must have been committed before.
  std::vector<size_t> after;
};

struct Plan {
  std::vector<PlannedBatch> batches;
  // Strongly connected components of more than one package: cycles.
  size_t cycles = 0;
  size_t largest_cycle = 0;
  // By package: the batch it is in.
  std::vector<size_t> batch_of;
};

// A cycle's packages are never in different batches. A batch has at most `batch_size` packages,
// unless a single cycle is larger.
[[nodiscard]] Plan MakePlan(const Index& index, size_t batch_size);

}  // namespace holdfast::archive
