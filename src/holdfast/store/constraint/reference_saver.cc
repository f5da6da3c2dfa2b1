#include "holdfast/store/constraint/reference_saver.h"

#include <optional>
#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using storage::Edge;
using storage::Failure;
using storage::RowState;

// Both sorted by (field, name).
bool Before(const ReferenceValue& a, const ReferenceValue& b) {
  if (a.field != b.field) return a.field < b.field;
  return *a.name < *b.name;
}

}  // namespace

absl::Status ReferenceSaver::save(Change& change) {
  const KindPlan& plan = *change.plan;
  if (!plan.is_checked()) return absl::OkStatus();
  if (change.type == WriteOp::Type::kCreate) HF_RETURN_IF_ERROR(need_parent(change));
  if (plan.kind->references.empty()) return absl::OkStatus();

  old_values_.clear();
  if (change.before != nullptr) CollectReferences(plan, *change.before, old_values_);
  CollectReferences(plan, *change.after, new_values_);
  std::vector<ReferenceValue> removed;
  auto old_value = old_values_.begin();
  for (const ReferenceValue& value : new_values_) {
    while (old_value != old_values_.end() && Before(*old_value, value)) {
      removed.push_back(*old_value++);
    }
    const bool kept = old_value != old_values_.end() && !Before(value, *old_value);
    if (kept) {
      ++old_value;
      continue;
    }
    HF_RETURN_IF_ERROR(check_new(change, value, change.added_edges));
  }
  removed.insert(removed.end(), old_value, old_values_.end());
  change.removed_edges = EdgesOf(set_.plans(), plan, change.key, removed);
  return absl::OkStatus();
}

absl::Status ReferenceSaver::check_new(const Change& change, const ReferenceValue& value,
                                       std::vector<Edge>& added) {
  const schema::ReferenceField& field = change.plan->kind->references[value.field];
  absl::StatusOr<ReferenceTarget> target =
      ResolveReference(set_.plans(), *change.plan, field, *value.name);
  if (!target.ok()) return set_.at(change, target.status());
  if (field.on_delete != OnDelete::kAllowDangling) {
    if (target->plan == nullptr) {
      return set_.at(change, ReferenceNotServed(field.path, target->key));
    }
    need(target->key, {.change = &change, .field = value.field});
  }
  added.push_back(Edge{.target = std::move(target->key),
                       .source = change.key,
                       .field = field.path,
                       .behavior = field.on_delete});
  return absl::OkStatus();
}

absl::Status ReferenceSaver::need_parent(const Change& change) {
  const std::optional<ResourceKey> parent = change.plan->kind->parent_of(change.key.name);
  if (!parent.has_value()) return absl::OkStatus();
  if (set_.plans().find(parent->kind) == nullptr) {
    return set_.at(change, ParentNotServed(*parent));
  }
  need(*parent, {.change = &change, .field = change.plan->kind->references.size()});
  return absl::OkStatus();
}

void ReferenceSaver::need(const ResourceKey& target, Need need) {
  // What this very batch creates or keeps is there at its end.
  const Change* own = set_.find(target);
  if (own != nullptr) {
    const bool guarded = own->type == WriteOp::Type::kUpdate && !own->unchanged &&
                         own->row->state == RowState::kActive;
    if (guarded || own->type == WriteOp::Type::kCreate) return;
  }
  needs_.try_emplace(target, need);
}

void ReferenceSaver::add_checks() {
  for (const auto& [target, need] : needs_) {
    set_.add_op(storage::RequireTarget{.key = target}, {.explain = &ReferenceSaver::ExplainTarget,
                                                        .change = need.change,
                                                        .detail = need.field,
                                                        .key = set_.keep(target)});
  }
}

Verdict ReferenceSaver::ExplainTarget(const WriteSet& /*set*/, const Note& note,
                                      const Failure& failure) {
  const auto& references = note.change->plan->kind->references;
  const bool there = failure.row.has_value() && failure.row->state != RowState::kGone;
  absl::Status status;
  if (note.detail == references.size()) {
    status = there ? ParentDeleting(*note.key) : ParentNotFound(*note.key);
  } else {
    const std::string& field = references[note.detail].path;
    status = there ? ReferenceDeleting(field, *note.key) : ReferenceNotFound(field, *note.key);
  }
  // A deletion is being decided: it may be refused, and then the target is there again.
  const bool undecided = there && failure.row->state == RowState::kClosing;
  return {.what = undecided ? Verdict::What::kRetryLater : Verdict::What::kAnswer,
          .status = std::move(status)};
}

std::vector<Edge> EdgesToRemove(const Plans& plans, const Change& change) {
  if (change.before == nullptr) return {};
  return EdgesOf(plans, *change.plan, change.key, *change.before);
}

}  // namespace holdfast::store
