// Rules about deletions that couldn't end, or couldn't keep their promise.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/graph.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

// A kind with async_deletion stays readable until nothing refers to it. A synchronous cascade
// would have to take it away in the batch that deletes what it hangs on.
void CheckAsyncDeletionCascade(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const Kind& kind = draft->kind;
    if (!kind.async_deletion) continue;
    bool has_parent = false;
    for (const Kind* parent : kind.parents) has_parent = has_parent || parent != nullptr;
    if (has_parent && kind.on_parent_deleted == ParentDeletion::kCascadeDelete) {
      report(PlaceOfRules(kind),
             "a kind with async_deletion can't be cascade-deleted with its parent at once: say "
             "on_parent_deleted: PARENT_ASYNC_CASCADE_DELETE or PARENT_BLOCK");
    }
    for (const ReferenceField& field : kind.references) {
      if (field.on_delete != OnDelete::kCascadeDelete) continue;
      report(PlaceOfOption(field.steps.back().field, reference.number()),
             "a kind with async_deletion can't be cascade-deleted with its target at once: say "
             "ASYNC_CASCADE_DELETE");
    }
  }
}

// Which kinds are deleted because one of `root` is, with at least one asynchronous step before.
std::set<const Kind*> DeletedLater(const Kind& root) {
  std::set<const Kind*> later;
  std::set<std::pair<const Kind*, bool>> seen;
  std::vector<std::pair<const Kind*, bool>> open = {{&root, false}};
  while (!open.empty()) {
    const auto [kind, asynchronous] = open.back();
    open.pop_back();
    for (const DeletionEdge& edge : CascadesOf(*kind)) {
      const std::pair<const Kind*, bool> next(edge.to, asynchronous || edge.asynchronous);
      if (next.second) later.insert(next.first);
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return later;
}

// K goes first, and what hangs on it later; but K still has a reference that blocks just that, and
// K is remembered until what hangs on it is gone: neither ever ends.
void CheckCascadeBlockCycle(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const Kind& kind = draft->kind;
    const std::set<const Kind*> later = DeletedLater(kind);
    for (const ReferenceField& field : kind.references) {
      if (field.on_delete != OnDelete::kBlock) continue;
      const KindDraft* target = FindReferable(*draft->service, field.target);
      if (target == nullptr || !later.contains(&target->kind)) continue;
      report(
          PlaceOfOption(field.steps.back().field, google::api::resource_reference.number()),
          absl::StrCat("deleting a ", kind.message_name, " deletes a ", target->kind.message_name,
                       " later (asynchronously), which this BLOCK reference would hinder: each "
                       "waits for the other. Use UNSET, or a synchronous cascade"));
    }
  }
}

constexpr LintRule kDeletionRules[] = {
    {"async-deletion-cascade", "A kind with async_deletion is cascade-deleted synchronously.",
     CheckAsyncDeletionCascade},
    {"cascade-block-cycle",
     "A kind blocks, by reference, a deletion that its own deletion brings about later.",
     CheckCascadeBlockCycle},
};

}  // namespace

std::span<const LintRule> DeletionRules() { return kDeletionRules; }

}  // namespace holdfast::schema
