#include "holdfast/store/constraint/constraint_layer.h"

#include "holdfast/base/macros.h"
#include "holdfast/store/constraint/reference_saver.h"

namespace holdfast::store {

Task<absl::Status> ConstraintLayer::prepare(WriteSet& set) {
  const bool asked_for = set.purpose() == WriteSet::Purpose::kRequest;
  if (asked_for) HF_CO_RETURN_IF_ERROR(co_await ExpandDeletions(set, options_));
  if (set.large != nullptr) co_return absl::OkStatus();
  ReferenceSaver saver(set);
  for (const auto& change : set.changes()) {
    if (change->unchanged) continue;
    if (change->type == WriteOp::Type::kDelete) {
      change->removed_edges = EdgesToRemove(set.plans(), *change);
    } else {
      HF_CO_RETURN_IF_ERROR(saver.save(*change));
    }
  }
  saver.add_checks();
  if (asked_for) AddDeletionChecks(set);
  co_return absl::OkStatus();
}

}  // namespace holdfast::store
