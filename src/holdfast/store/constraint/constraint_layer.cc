#include "holdfast/store/constraint/constraint_layer.h"

#include "holdfast/base/macros.h"

namespace holdfast::store {

Task<absl::Status> ConstraintLayer::prepare(WriteSet& set) {
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
  co_return absl::OkStatus();
}

}  // namespace holdfast::store
