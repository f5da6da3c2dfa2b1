#include "holdfast/store/core/core_layer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/filter/filter.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/answers.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/limits.h"
#include "holdfast/store/core/metadata.h"
#include "holdfast/store/core/unique.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using storage::Failure;
using storage::Row;
using storage::RowState;

// A value that a hook chose is chosen again.
Verdict ExplainTaken(const Change& change, const storage::UniqueValue& value) {
  const auto& chosen = change.chosen;
  if (std::find(chosen.begin(), chosen.end(), value.field) != chosen.end()) return Verdict::Retry();
  return Verdict::Answer(FieldValueTaken(change.key, value));
}

Verdict ExplainCreate(const WriteSet& /*set*/, const Note& note, const Failure& failure) {
  const ResourceKey& key = note.change->key;
  if (failure.unique.has_value()) return ExplainTaken(*note.change, *failure.unique);
  const bool deleting = failure.row.has_value() && failure.row->state == RowState::kDeleting;
  return Verdict::Answer(deleting ? NameBeingDeleted(key) : ResourceExists(key));
}

// `allow_missing` made a creation of an update: somebody else created it first.
Verdict ExplainCreateMissing(const WriteSet& set, const Note& note, const Failure& failure) {
  const bool exists = !failure.unique.has_value() && failure.row.has_value() &&
                      failure.row->state != RowState::kDeleting;
  return exists ? Verdict::Retry() : ExplainCreate(set, note, failure);
}

Verdict ExplainChanged(const WriteSet& /*set*/, const Note& note, const Failure& failure) {
  const ResourceKey& key = note.change->key;
  if (failure.unique.has_value()) return ExplainTaken(*note.change, *failure.unique);
  if (failure.row.has_value() && failure.row->state == RowState::kClosing) {
    return {.what = Verdict::What::kRetryLater, .status = Conflict(key)};
  }
  return Verdict::Retry();
}

// What is in both is neither removed nor added.
void DropCommon(std::vector<storage::UniqueValue>& removed,
                std::vector<storage::UniqueValue>& added) {
  std::vector<storage::UniqueValue> gone;
  for (storage::UniqueValue& value : removed) {
    const auto same = std::find(added.begin(), added.end(), value);
    if (same == added.end()) {
      gone.push_back(std::move(value));
    } else {
      added.erase(same);
    }
  }
  removed = std::move(gone);
}

void Fill(const Change& change, Row& row) {
  row.body = Serialize(*change.after);
  row.fields = change.plan->index_paths.empty()
                   ? std::string()
                   : filter::IndexedFieldsJson(*change.after, change.plan->index_paths);
}

void AddCreate(Change& change, WriteSet& set) {
  storage::CreateRow op;
  op.row.key = change.key;
  op.row.uid = Uid(change.plan->meta(*change.after).uid());
  op.row.version = Version(1);
  Fill(change, op.row);
  op.edges = std::move(change.added_edges);
  op.unique = UniqueValuesOf(*change.plan, change.key.name, *change.after);
  const bool missing = change.origin == Change::Origin::kClient &&
                       set.request().ops[change.op].type == WriteOp::Type::kUpdate;
  set.add_op(std::move(op),
             {.explain = missing ? &ExplainCreateMissing : &ExplainCreate, .change = &change});
}

// The row is still what was read, in its state, too: that changes without the version.
storage::RequireRow AsRead(const Change& change) {
  const Row& before = *change.row;
  return {.key = change.key,
          .states = 1u << static_cast<int>(before.state),
          .uid = before.uid,
          .version = before.version,
          .round = before.round};
}

void AddUpdate(Change& change, WriteSet& set) {
  const Row& before = *change.row;
  set.add_op(AsRead(change), {.explain = &ExplainChanged, .change = &change});
  storage::UpdateRow op;
  op.expected = before.version;
  op.row.key = change.key;
  op.row.uid = before.uid;
  op.row.version = Version(before.version.value() + 1);
  op.row.state = before.state;
  op.row.pending = before.pending;
  op.row.round = before.round;
  op.row.delete_time = before.delete_time;
  Fill(change, op.row);
  op.removed_edges = std::move(change.removed_edges);
  op.added_edges = std::move(change.added_edges);
  op.removed_unique = UniqueValuesOf(*change.plan, change.key.name, *change.before);
  op.added_unique = UniqueValuesOf(*change.plan, change.key.name, *change.after);
  DropCommon(op.removed_unique, op.added_unique);
  set.add_op(std::move(op), {.explain = &ExplainChanged, .change = &change});
}

void AddDelete(Change& change, WriteSet& set) {
  // What another deletion has decided meanwhile counts for nothing any more: not twice.
  set.add_op(AsRead(change), {.explain = &ExplainChanged, .change = &change});
  storage::EraseRow op;
  op.key = change.key;
  op.uid = change.row->uid;
  op.expected = change.row->version;
  op.delete_time = set.now();
  op.removed_edges = std::move(change.removed_edges);
  if (change.before != nullptr) {
    op.removed_unique = UniqueValuesOf(*change.plan, change.key.name, *change.before);
  }
  // Can't fail: the guard is about the same row.
  set.add_op(std::move(op), {.explain = &ExplainChanged, .change = &change});
}

std::string LabelOf(const WriteSet& set) {
  if (set.changes().empty()) return "nothing";
  const Change& first = *set.changes().front();
  const char* verb = first.type == WriteOp::Type::kCreate   ? ".create"
                     : first.type == WriteOp::Type::kUpdate ? ".update"
                                                            : ".delete";
  return absl::StrCat(first.plan->name().str(), verb);
}

}  // namespace

Task<absl::Status> CoreLayer::prepare(WriteSet& set) {
  set.batch().label = LabelOf(set);
  LimitCount limits;
  for (const auto& change : set.changes()) {
    if (change->unchanged) continue;
    limits.add(*change);
    switch (change->type) {
      case WriteOp::Type::kCreate:
        AddCreate(*change, set);
        break;
      case WriteOp::Type::kUpdate:
        AddUpdate(*change, set);
        break;
      case WriteOp::Type::kDelete:
        AddDelete(*change, set);
        break;
    }
  }
  limits.add_ops(set);
  const WriteRequest& request = set.request();
  if (!request.request_id.empty()) {
    set.add_op(
        storage::PutRequest{
            .id = request.request_id, .hash = request.request_hash, .answer = PackAnswer(set)},
        {});
  }
  co_return absl::OkStatus();
}

}  // namespace holdfast::store
