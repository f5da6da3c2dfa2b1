#include "holdfast/store/constraint/deletion.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/metadata.h"
#include "holdfast/store/references.h"

namespace holdfast::store {
namespace {

using storage::Failure;
using storage::Row;

Verdict LostRace(const WriteSet& /*set*/, const Note& /*note*/, const Failure& /*failure*/) {
  return Verdict::Retry();
}

std::vector<ClosureRoot> RootsOf(const WriteSet& set) {
  std::vector<ClosureRoot> roots;
  for (const auto& change : set.changes()) {
    if (change->type != WriteOp::Type::kDelete) continue;
    roots.push_back({.key = change->key, .force = change->force, .op = change->op});
  }
  return roots;
}

// What stands against the deletions, as an error of the first op that it concerns.
absl::Status CheckClosure(WriteSet& set, const std::vector<ClosureRoot>& roots,
                          const Closure& closure) {
  if (closure.obstructions().empty()) return absl::OkStatus();
  const auto& [op, obstruction] = *closure.obstructions().begin();
  for (const ClosureRoot& root : roots) {
    if (root.op != op) continue;
    const Change& change = *set.find(root.key);
    if (obstruction.protected_by.has_value()) {
      return set.at(change, DeletionProtected(root.key, *obstruction.protected_by));
    }
    return set.at(change,
                  DeleteBlocked(root.key, obstruction.first_blockers, obstruction.blockers));
  }
  return absl::InternalError("something stands against no deletion");
}

// Only a deletion that is alone can go on over several batches.
absl::Status MakeLarge(WriteSet& set, const Closure& closure) {
  const bool alone = set.request().ops.size() == 1 && set.changes().size() == 1;
  if (!alone) {
    return MakeError(Reason::kTooManyOperations,
                     "a deletion that takes many resources with it, or that is finished in the "
                     "background, can't be part of a larger write; make it alone");
  }
  set.large = set.changes().front().get();
  set.large_waits = closure.waits();
  return absl::OkStatus();
}

// A closure that is too large for one batch is looked through for what stands against it, if that
// can be had by reading a bounded number of rows.
Task<absl::Status> Probe(WriteSet& set, storage::Snapshot& snapshot, std::vector<ClosureRoot> roots,
                         size_t max_probed) {
  const Change& first = *set.find(roots.front().key);
  Closure closure(set.plans(), snapshot, {.max_resources = max_probed}, &set);
  absl::Status status = co_await closure.run(roots);
  if (!status.ok()) co_return set.at(first, std::move(status));
  if (closure.contested().has_value()) {
    set.contested = closure.contested();
    co_return set.at(first, set.again_later(Conflict(first.key)));
  }
  if (!closure.truncated()) HF_CO_RETURN_IF_ERROR(CheckClosure(set, roots, closure));
  co_return set.at(first, MakeLarge(set, closure));
}

absl::Status CheckDigest(const WriteSet& set, const Closure& closure, const ResourceKey& root) {
  for (const WriteOp& op : set.request().ops) {
    if (op.plan_digest.empty()) continue;
    if (set.request().ops.size() > 1) {
      return FieldError(Reason::kInvalidField, "plan_digest",
                        "is for a deletion alone; take it out of the larger write");
    }
    if (op.plan_digest != closure.digest()) return PlanChanged(root);
  }
  return absl::OkStatus();
}

absl::Status AddDoomed(WriteSet& set, std::vector<Closure::Doomed> doomed) {
  for (Closure::Doomed& gone : doomed) {
    if (Change* root = set.find(gone.row.key)) {
      root->row = std::move(gone.row);
      continue;
    }
    Change change;
    change.type = WriteOp::Type::kDelete;
    change.origin = Change::Origin::kDeletion;
    change.plan = gone.plan;
    change.key = gone.row.key;
    change.op = gone.op;
    change.row = std::move(gone.row);
    change.before = std::move(gone.message);
    HF_RETURN_IF_ERROR(set.add(std::move(change)).status());
  }
  return absl::OkStatus();
}

}  // namespace

Task<absl::Status> ExpandDeletions(WriteSet& set, ConstraintOptions options) {
  std::vector<ClosureRoot> roots = RootsOf(set);
  if (roots.empty()) co_return absl::OkStatus();
  const Change& first = *set.find(roots.front().key);
  HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set.snapshot());
  Closure closure(set.plans(), *snapshot,
                  {.max_resources = options.max_inline_dependants + roots.size(),
                   .keep = ClosureOptions::Keep::kRows},
                  &set);
  HF_CO_RETURN_IF_ERROR(co_await closure.run(roots));
  if (closure.truncated()) {
    absl::Status status = co_await Probe(set, *snapshot, std::move(roots), options.max_probed);
    co_return status;
  }
  if (closure.contested().has_value()) {
    set.contested = closure.contested();
    co_return set.again_later(Conflict(first.key));
  }
  HF_CO_RETURN_IF_ERROR(CheckClosure(set, roots, closure));
  absl::Status planned = CheckDigest(set, closure, first.key);
  if (!planned.ok()) co_return set.at(first, std::move(planned));
  const bool fits = static_cast<size_t>(closure.deleted()) + closure.unsets().size() <=
                    options.max_inline_dependants + roots.size();
  if (closure.waits() || !fits) co_return set.at(first, MakeLarge(set, closure));

  HF_CO_RETURN_IF_ERROR(AddDoomed(set, closure.take_doomed()));
  for (const auto& [source, edges] : closure.unsets()) {
    HF_CO_RETURN_IF_ERROR(co_await AddUnset(set, *snapshot, source, edges, first.op));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> AddUnset(WriteSet& set, storage::Snapshot& snapshot, const ResourceKey& source,
                            const std::vector<storage::Edge>& edges, size_t op) {
  Change* change = set.find(source);
  if (change == nullptr) {
    const KindPlan& plan = set.plans().at(source.kind);
    std::vector<ResourceKey> keys{source};
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot.get(std::move(keys), storage::Fields::kAll));
    if (!rows[0].has_value() || !rows[0]->body.has_value()) co_return absl::OkStatus();
    Change unset;
    unset.type = WriteOp::Type::kUpdate;
    unset.origin = Change::Origin::kDeletion;
    unset.plan = &plan;
    unset.key = source;
    unset.op = op;
    unset.unchanged = true;  // so far
    HF_CO_ASSIGN_OR_RETURN(unset.after, ParseBody(set.plans(), plan, *rows[0]));
    HF_CO_ASSIGN_OR_RETURN(unset.before, ParseBody(set.plans(), plan, *rows[0]));
    unset.row = std::move(rows[0]);
    HF_CO_ASSIGN_OR_RETURN(change, set.add(std::move(unset)));
  }
  for (const storage::Edge& edge : edges) {
    ClearReference(*change->plan, edge.field, edge.target.name, *change->after);
  }
  if (change->unchanged) {
    AdvanceMeta(change->row->uid, Version(change->row->version.value() + 1), Spec::kChanged,
                set.now(), change->plan->mutable_meta(*change->after));
    change->unchanged = false;
  }
  co_return absl::OkStatus();
}

void AddDeletionChecks(WriteSet& set) {
  for (const auto& change : set.changes()) {
    if (change->type != WriteOp::Type::kDelete) continue;
    const KindPlan& plan = *change->plan;
    if ((plan.incoming & kHoldingMask) != 0) {
      set.add_op(storage::RequireNoInbound{.key = change->key},
                 {.explain = &LostRace, .change = change.get()});
    }
    if (!plan.child_kinds.empty()) {
      set.add_op(storage::RequireNoChildren{.key = change->key, .kinds = plan.child_kinds},
                 {.explain = &LostRace, .change = change.get()});
    }
  }
}

}  // namespace holdfast::store
