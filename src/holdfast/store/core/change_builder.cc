#include "holdfast/store/core/change_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/hook_runner.h"
#include "holdfast/store/core/metadata.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;
using storage::Row;
using storage::RowState;

Change ChangeOf(const KindPlan& plan, const WriteOp& op) {
  Change change;
  change.type = op.type;
  change.plan = &plan;
  change.key = {.kind = plan.name(), .name = op.name};
  change.force = op.force;
  return change;
}

bool IsGone(const std::optional<Row>& row) {
  return !row.has_value() || row->state == RowState::kGone;
}

absl::Status CheckEtag(const Row& row, const ResourceKey& key, const std::string& etag) {
  if (etag.empty() || etag == EtagOf(row.uid, row.version)) return absl::OkStatus();
  return EtagMismatch(key);
}

std::string PathOf(const KindPlan& plan, const WriteOp& op) {
  if (!op.label.empty()) return op.label;
  const char* verb = op.type == WriteOp::Type::kCreate   ? ".create"
                     : op.type == WriteOp::Type::kUpdate ? ".update"
                                                         : ".delete";
  return absl::StrCat(plan.kind->singular, verb);
}

// Would storing `after` with the metadata of `before` give the same bytes?
Spec CompareSpec(const KindPlan& plan, const Row& row, const Message& before, Message& after) {
  Meta& meta = plan.mutable_meta(after);
  Meta own;
  own.Swap(&meta);
  meta = plan.meta(before);
  const bool same = Serialize(after) == *row.body;
  meta.Swap(&own);
  return same ? Spec::kSame : Spec::kChanged;
}

}  // namespace

absl::Status ChangeBuilder::check(const WriteRequest& request, size_t max_ops) const {
  if (request.ops.size() > max_ops) {
    return MakeError(Reason::kTooManyOperations,
                     absl::StrCat(request.ops.size(), " operations are more than the ", max_ops,
                                  " that one write takes; make several"));
  }
  for (size_t i = 0; i < request.ops.size(); ++i) {
    absl::Status status = check_op(request.ops[i]);
    if (!status.ok()) return AtOp(request, i, std::move(status));
  }
  return absl::OkStatus();
}

absl::Status ChangeBuilder::check_op(const WriteOp& op) const {
  const KindPlan* plan = op.kind == nullptr ? nullptr : plans_.find(op.kind->name);
  if (plan == nullptr) {
    return MakeError(Reason::kInternal, "an operation on a kind that this deployment hasn't got");
  }
  if (!plan->kind->match(op.name).has_value()) {
    return FieldError(Reason::kInvalidName, "name",
                      absl::StrCat("\"", ForMessage(op.name.str()), "\" isn't a name of ",
                                   plan->name().str(), ": ", plan->kind->patterns[0].text()));
  }
  if (op.type != WriteOp::Type::kDelete && op.resource == nullptr) {
    return FieldError(Reason::kInvalidField, plan->kind->singular, "is required");
  }
  return absl::OkStatus();
}

Task<absl::Status> ChangeBuilder::build(WriteSet& set) const {
  std::vector<WriteOp>& ops = set.request().ops;
  std::vector<ResourceKey> keys;
  for (const WriteOp& op : ops) {
    if (op.type != WriteOp::Type::kCreate) keys.push_back({.kind = op.kind->name, .name = op.name});
  }
  std::vector<std::optional<Row>> rows;
  if (!keys.empty()) {
    HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set.snapshot());
    HF_CO_ASSIGN_OR_RETURN(rows, co_await snapshot->get(std::move(keys), storage::Fields::kAll));
  }
  size_t next_row = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    std::optional<Row> row;
    if (ops[i].type != WriteOp::Type::kCreate) row = std::move(rows[next_row++]);
    Source source{.op = i, .path = PathOf(plans_.at(ops[i].kind->name), ops[i])};
    absl::StatusOr<Change*> change =
        co_await build_op(set, ops[i], std::move(source), std::move(row));
    if (!change.ok()) co_return AtOp(set.request(), i, change.status());
    set.results().push_back(*change);
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Change*>> ChangeBuilder::build_op(WriteSet& set, WriteOp& op, Source source,
                                                      std::optional<Row> row) const {
  absl::StatusOr<std::optional<Change>> started = start(set, op, source, std::move(row));
  if (!started.ok()) co_return started.status();
  if (!started->has_value()) co_return nullptr;
  Change change = **std::move(started);
  change.origin = source.origin;
  change.op = source.op;
  change.path = std::move(source.path);
  change.depth = source.depth;
  absl::StatusOr<Change*> added = set.add(std::move(change));
  if (!added.ok()) co_return added.status();

  const auto& hooks = hooks_.find((*added)->plan->name());
  if (hooks.empty()) {
    HF_CO_RETURN_IF_ERROR(finish(set, **added));
    co_return *added;
  }
  HookRunner runner(set, **added);
  HF_CO_RETURN_IF_ERROR(co_await runner.on_save(hooks));
  HF_CO_RETURN_IF_ERROR(finish(set, **added));
  if (!(*added)->unchanged) {
    HF_CO_RETURN_IF_ERROR(co_await runner.before_commit(hooks));
    HF_CO_RETURN_IF_ERROR(co_await build_hook_ops(set, runner.take_ops(), **added));
  }
  co_return *added;
}

Task<absl::Status> ChangeBuilder::build_hook_ops(WriteSet& set,
                                                 std::vector<std::pair<std::string, WriteOp>> ops,
                                                 const Change& parent) const {
  if (!ops.empty() && parent.depth >= kMaxHookDepth) {
    co_return MakeError(Reason::kInternal,
                        absl::StrCat(parent.path, ": hooks add operations without end"));
  }
  for (auto& [label, op] : ops) {
    Source source{.origin = Change::Origin::kHook,
                  .op = parent.op,
                  .path = absl::StrCat(parent.path, "/", label),
                  .depth = parent.depth + 1};
    Change origin;  // stands for the op in errors before its change is there
    origin.origin = source.origin;
    origin.op = source.op;
    origin.path = source.path;
    absl::Status checked = check_op(op);
    if (!checked.ok()) co_return set.from_hook(origin, std::move(checked));
    std::optional<Row> row;
    if (op.type != WriteOp::Type::kCreate) {
      HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set.snapshot());
      std::vector<ResourceKey> keys{{.kind = op.kind->name, .name = op.name}};
      HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                             co_await snapshot->get(std::move(keys), storage::Fields::kAll));
      row = std::move(rows[0]);
    }
    absl::StatusOr<Change*> change = co_await build_op(set, op, std::move(source), std::move(row));
    if (!change.ok()) co_return set.from_hook(origin, change.status());
  }
  co_return absl::OkStatus();
}

absl::StatusOr<std::optional<Change>> ChangeBuilder::start(WriteSet& set, WriteOp& op,
                                                           const Source& source,
                                                           std::optional<Row> row) const {
  switch (op.type) {
    case WriteOp::Type::kCreate:
      return start_create(set, op, source);
    case WriteOp::Type::kUpdate:
      if (row.has_value() && row->state == RowState::kDeleting) {
        const KindPlan& plan = plans_.at(op.kind->name);
        const bool shown = IsReadable(plan, *row) || op.allow_missing == AllowMissing::kYes;
        return shown ? NameBeingDeleted(row->key) : ResourceNotFound(row->key);
      }
      if (IsGone(row) && op.allow_missing == AllowMissing::kYes) {
        return start_create(set, op, source);
      }
      return start_update(set, op, source, std::move(row));
    case WriteOp::Type::kDelete:
      return start_delete(set, op, source, std::move(row));
  }
  return absl::InternalError("an operation of no type");
}

absl::StatusOr<std::optional<Change>> ChangeBuilder::start_create(WriteSet& set, WriteOp& op,
                                                                  const Source& source) const {
  const KindPlan& plan = plans_.at(op.kind->name);
  Change change = ChangeOf(plan, op);
  change.type = WriteOp::Type::kCreate;
  // A hook may write into the resource, and an update that finds something after all looks at the
  // etag in it: another attempt must start from the client's.
  const bool keeps = source.origin == Change::Origin::kClient &&
                     (op.type == WriteOp::Type::kUpdate || !hooks_.find(plan.name()).empty());
  if (keeps) {
    change.after.reset(op.resource->New());
    change.after->CopyFrom(*op.resource);
  } else {
    change.after = std::move(op.resource);
    change.borrowed = source.origin == Change::Origin::kClient;
  }
  Message& after = *change.after;
  after.GetReflection()->SetString(&after, plan.kind->name_field, op.name.str());
  plan.rules->clear_output_only(after);
  StartMeta(NewUid(set.env()), set.now(), plan.mutable_meta(after));
  return change;
}

absl::StatusOr<std::optional<Change>> ChangeBuilder::start_update(WriteSet& set, const WriteOp& op,
                                                                  const Source& /*source*/,
                                                                  std::optional<Row> row) const {
  const KindPlan& plan = plans_.at(op.kind->name);
  Change change = ChangeOf(plan, op);
  if (IsGone(row)) return ResourceNotFound(change.key);
  if (row->state == RowState::kClosing) {
    set.contested = row->round;
    return set.again_later(Conflict(change.key));
  }
  const std::string& etag = op.etag.empty() ? plan.meta(*op.resource).etag() : op.etag;
  HF_RETURN_IF_ERROR(CheckEtag(*row, change.key, etag));
  HF_ASSIGN_OR_RETURN(MessagePtr before, ParseBody(plans_, plan, *row));
  change.after.reset(before->New());
  change.after->CopyFrom(*before);
  op.mask.copy(*op.resource, *change.after);
  Message& after = *change.after;
  after.GetReflection()->SetString(&after, plan.kind->name_field, op.name.str());
  plan.rules->keep_output_only(*before, after);
  change.before = std::move(before);
  change.row = std::move(row);
  return change;
}

absl::StatusOr<std::optional<Change>> ChangeBuilder::start_delete(WriteSet& set, const WriteOp& op,
                                                                  const Source& /*source*/,
                                                                  std::optional<Row> row) const {
  const KindPlan& plan = plans_.at(op.kind->name);
  Change change = ChangeOf(plan, op);
  if (IsGone(row) || !IsReadable(plan, *row)) {
    if (op.allow_missing == AllowMissing::kYes) return std::nullopt;
    return ResourceNotFound(change.key);
  }
  // Decided already: this deletion joins that one.
  if (row->state == RowState::kDeleting) return std::nullopt;
  if (row->state == RowState::kClosing) {
    set.contested = row->round;
    return set.again_later(Conflict(change.key));
  }
  HF_RETURN_IF_ERROR(CheckEtag(*row, change.key, op.etag));
  HF_ASSIGN_OR_RETURN(change.before, ParseBody(plans_, plan, *row));
  change.row = std::move(row);
  return change;
}

absl::Status ChangeBuilder::finish(WriteSet& set, Change& change) const {
  if (change.type == WriteOp::Type::kDelete) return absl::OkStatus();
  const KindPlan& plan = *change.plan;
  Message& after = *change.after;
  plan.rules->sort_maps(after);
  HF_RETURN_IF_ERROR(plan.rules->check_required(after, ""));
  if (change.type == WriteOp::Type::kCreate) return absl::OkStatus();

  HF_RETURN_IF_ERROR(plan.rules->check_immutable(*change.before, after));
  KeepOwnMeta(plan.meta(*change.before), plan.mutable_meta(after));
  if (Serialize(after) == *change.row->body) {
    change.unchanged = true;
    return absl::OkStatus();
  }
  const Spec spec = CompareSpec(plan, *change.row, *change.before, after);
  AdvanceMeta(change.row->uid, Version(change.row->version.value() + 1), spec, set.now(),
              plan.mutable_meta(after));
  return absl::OkStatus();
}

}  // namespace holdfast::store
