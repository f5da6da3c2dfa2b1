// The search behind linearizable.h.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/checkers/linearizable.h"

namespace holdfast::sim {

struct RegisterOrder {
  LinearizabilityResult::Verdict verdict = LinearizabilityResult::Verdict::kGaveUp;
  // If linearizable: an order of all operations but those that are taken to have had no effect, and
  // those without answer that explain nothing. Places in the history.
  std::vector<size_t> order;
};

[[nodiscard]] RegisterOrder FindOrder(const std::vector<RegisterOp>& history,
                                      const LinearizabilityOptions& options);

}  // namespace holdfast::sim
