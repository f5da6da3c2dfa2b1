#include "holdfast/store/constraint/closing.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/meta.pb.h"
#include "holdfast/storage/guarded.h"
#include "holdfast/store/constraint/closure.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/limits.h"
#include "holdfast/store/core/unique.h"
#include "holdfast/store/references.h"
#include "holdfast/store/shadows.h"

namespace holdfast::store {
namespace {

using storage::CommitGuarded;
using storage::Edge;
using storage::Handled;
using storage::Row;
using storage::RowState;
using storage::Snapshot;
using storage::UnknownOutcome;

constexpr size_t kPage = 100;
// Batches that may be lost against other writers before the deletion gives up.
constexpr int kMaxLosses = 50;

// Has a row of this kind anything that would go with it?
bool NeedsExpansion(const KindPlan& plan) {
  return !plan.child_kinds.empty() || (plan.incoming & kCascadeMask) != 0;
}

// The kinds that are found by looking below a row: its direct children, and what is below those of
// them that aren't closed themselves.
std::vector<KindName> KindsToLookAt(const KindPlan& plan, Force force) {
  std::set<KindName> kinds;
  for (const KindPlan* child : plan.children) {
    if (!GoesWithParent(*child, force)) continue;
    kinds.insert(child->name());
    if (child->must_close) continue;
    for (const KindPlan* below : child->below) kinds.insert(below->name());
  }
  return {kinds.begin(), kinds.end()};
}

}  // namespace

Closing::Closing(Env& env, storage::Engine& engine, const Plans& plans, const Change& root,
                 std::string round, ClosingOptions options)
    : env_(env),
      engine_(engine),
      plans_(plans),
      root_(root),
      round_(std::move(round)),
      force_(ForceOf(round_)),
      options_(std::move(options)),
      started_(env.clock().now()),
      renewed_(env.clock().monotonic()) {}

Task<absl::Status> Closing::go_on() {
  const Duration now = env_.clock().monotonic();
  if (options_.deadline.has_value() && now >= *options_.deadline) {
    co_return DeadlineExceeded("closing what goes with the resource");
  }
  if (now.value() - renewed_.value() < options_.renewal.value()) co_return absl::OkStatus();
  renewed_ = now;
  absl::Status status = co_await renew();
  co_return status;
}

Task<absl::Status> Closing::renew() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys{root_.key};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kShadow));
  if (!rows[0].has_value()) co_return Conflict(root_.key);
  storage::Batch batch;
  batch.label = absl::StrCat(root_.key.kind.str(), ".close");
  // What it waits for only this round changes, one batch after the other.
  batch.add(restated(*rows[0], RowState::kClosing, rows[0]->pending), Handled());
  HF_CO_ASSIGN_OR_RETURN(const bool renewed, co_await CommitGuarded(engine_, std::move(batch)));
  co_return renewed ? absl::OkStatus() : Conflict(root_.key);
}

bool Closing::must_close(const KindPlan& plan) const {
  return plan.must_close || !options_.plan_digest.empty();
}

storage::SetState Closing::restated(const Row& row, RowState to, uint32_t pending) const {
  return {.key = row.key,
          .uid = row.uid,
          .from_states = StateMask(RowState::kClosing),
          .from_round = round_,
          .to = to,
          .round = round_,
          .pending = pending,
          .delete_time = env_.clock().now()};
}

Task<absl::Status> Closing::close() {
  HF_CO_ASSIGN_OR_RETURN(const bool closed, co_await close_root());
  if (!closed) co_return Conflict(root_.key);
  for (bool more = true; more;) {
    HF_CO_RETURN_IF_ERROR(co_await go_on());
    HF_CO_ASSIGN_OR_RETURN(more, co_await expand_page());
  }
  HF_CO_RETURN_IF_ERROR(co_await check_blockers());
  absl::Status status = co_await check_plan();
  co_return status;
}

Task<absl::StatusOr<bool>> Closing::close_root() {
  storage::Batch batch;
  batch.label = absl::StrCat(root_.key.kind.str(), ".close");
  batch.add(storage::RequireRow{.key = root_.key,
                                .uid = root_.row->uid,
                                .version = root_.row->version,
                                .round = std::nullopt},
            Handled());
  // Can't fail: the guard is about the same row.
  batch.add(storage::SetState{.key = root_.key,
                              .uid = root_.row->uid,
                              .from_states = StateMask(RowState::kActive),
                              .from_round = std::nullopt,
                              .to = RowState::kClosing,
                              .round = round_,
                              .pending = storage::kPendingExpand | storage::kPendingRemove,
                              .delete_time = started_});
  absl::StatusOr<bool> closed = co_await CommitGuarded(engine_, std::move(batch));
  co_return closed;
}

Task<absl::StatusOr<bool>> Closing::expand_page() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  storage::DutyQuery query{.state = RowState::kClosing,
                           .round = round_,
                           .pending = storage::kPendingExpand,
                           .after = std::nullopt,
                           .limit = kPage};
  HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->duties(std::move(query)));
  taken_.clear();
  lost_ = false;
  for (const Row& row : page.rows) {
    HF_CO_RETURN_IF_ERROR(co_await expand(*snapshot, row));
    if (lost_) break;
  }
  HF_CO_RETURN_IF_ERROR(co_await flush());
  if (lost_ && ++losses_ > kMaxLosses) co_return Conflict(root_.key);
  if (!page.rows.empty()) co_return true;
  // Without the root there is no round: somebody has given it up.
  co_return false;
}

Task<absl::Status> Closing::expand(Snapshot& snapshot, const Row& row) {
  HF_CO_RETURN_IF_ERROR(co_await take_children(snapshot, row));
  HF_CO_RETURN_IF_ERROR(co_await take_referrers(snapshot, row));
  HF_CO_RETURN_IF_ERROR(co_await flush_if_full());
  ++batch_rows_;
  // Can't fail: rows of a round are opened only behind its root, which flush() guards.
  batch_.add(restated(row, RowState::kClosing, row.pending & ~storage::kPendingExpand));
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::take_children(Snapshot& snapshot, const Row& row) {
  storage::ScanQuery scan;
  scan.kinds = KindsToLookAt(plans_.at(row.key.kind), force_);
  if (scan.kinds.empty()) co_return absl::OkStatus();
  scan.name_prefix = row.key.name.str() + "/";
  do {
    HF_CO_RETURN_IF_ERROR(co_await go_on());
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot.scan(scan));
    for (const Row& child : page.rows) {
      HF_CO_RETURN_IF_ERROR(take(child));
      HF_CO_RETURN_IF_ERROR(co_await flush_if_full());
    }
    scan.after = std::move(page.next);
  } while (scan.after.has_value() && !lost_);
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::take_referrers(Snapshot& snapshot, const Row& row) {
  storage::InboundQuery query;
  query.target = row.key;
  query.behaviors = plans_.at(row.key.kind).incoming & kCascadeMask;
  query.limit = kPage;
  if (query.behaviors == 0) co_return absl::OkStatus();
  do {
    HF_CO_RETURN_IF_ERROR(co_await go_on());
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot.inbound(query));
    std::vector<ResourceKey> keys;
    for (const Edge& edge : page.edges) keys.push_back(edge.source);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot.get(std::move(keys), storage::Fields::kAll));
    for (const std::optional<Row>& source : rows) {
      if (!source.has_value()) continue;
      HF_CO_RETURN_IF_ERROR(take(*source));
      HF_CO_RETURN_IF_ERROR(co_await flush_if_full());
    }
    query.after = std::move(page.next);
  } while (query.after.has_value() && !lost_);
  co_return absl::OkStatus();
}

absl::Status Closing::take(const Row& row) {
  if (row.state == RowState::kGone || row.state == RowState::kDeleting) return absl::OkStatus();
  const bool ours = row.state == RowState::kClosing && row.round == round_;
  if (ours || !taken_.insert(row.key).second) return absl::OkStatus();
  const KindPlan& plan = plans_.at(row.key.kind);
  if (row.state == RowState::kClosing) {
    contested_ = row.round;
    return Conflict(row.key);
  }
  HF_ASSIGN_OR_RETURN(const MessagePtr resource, ParseBody(plans_, plan, row));
  if (plan.meta(*resource).lifecycle().block_deletion()) {
    return DeletionProtected(root_.key, row.key);
  }
  if (!must_close(plan)) return absl::OkStatus();
  // With the version: what was looked at is what is closed.
  batch_.add(
      storage::RequireRow{
          .key = row.key, .uid = row.uid, .version = row.version, .round = std::nullopt},
      Handled());
  ++batch_rows_;
  // Can't fail: the guard is about the same row.
  batch_.add(storage::SetState{.key = row.key,
                               .uid = row.uid,
                               .from_states = StateMask(RowState::kActive),
                               .from_round = std::nullopt,
                               .to = RowState::kClosing,
                               .round = round_,
                               .pending = NeedsExpansion(plan) ? storage::kPendingExpand : 0u,
                               .delete_time = started_});
  return absl::OkStatus();
}

Task<absl::Status> Closing::flush_if_full() {
  if (batch_rows_ >= options_.max_batch_ops) HF_CO_RETURN_IF_ERROR(co_await flush());
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::flush() {
  batch_rows_ = 0;
  if (batch_.ops.empty() || lost_) {
    batch_ = {};
    co_return absl::OkStatus();
  }
  HF_CO_RETURN_IF_ERROR(co_await go_on());
  batch_.label = absl::StrCat(root_.key.kind.str(), ".close");
  // Members are closed only while the root is: a round that was given up gets no new ones.
  batch_.add(storage::RequireRow{.key = root_.key,
                                 .states = StateMask(RowState::kClosing),
                                 .uid = root_.row->uid,
                                 .version = std::nullopt,
                                 .round = round_},
             Handled());
  storage::Batch batch = std::move(batch_);
  batch_ = {};
  const absl::StatusOr<bool> done =
      co_await CommitGuarded(engine_, std::move(batch), UnknownOutcome::kIsAnError);
  // Rows may be closed whose users weren't waited for: what depends on them can't be known for
  // certain. Another round closes them anew.
  if (ReasonOf(done.status()) == Reason::kCommitUnknown) co_return Conflict(root_.key);
  HF_CO_RETURN_IF_ERROR(done.status());
  if (*done) co_return absl::OkStatus();
  lost_ = true;
  // Is it the root? Then there is nothing to go on with.
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys{root_.key};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kShadow));
  if (!rows[0].has_value() || rows[0]->round != round_) co_return Conflict(root_.key);
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::check_blockers() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  storage::DutyQuery query{.state = RowState::kClosing,
                           .round = round_,
                           .pending = 0,
                           .after = std::nullopt,
                           .limit = kPage};
  do {
    HF_CO_RETURN_IF_ERROR(co_await go_on());
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->duties(query));
    for (const Row& row : page.rows) {
      HF_CO_RETURN_IF_ERROR(co_await check_row(*snapshot, row));
      if (force_ == Force::kNo) HF_CO_RETURN_IF_ERROR(co_await check_children(*snapshot, row));
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  if (blockers_ > 0) co_return DeleteBlocked(root_.key, first_blockers_, blockers_);
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::check_row(Snapshot& snapshot, const Row& row) {
  storage::InboundQuery query;
  query.target = row.key;
  query.behaviors = plans_.at(row.key.kind).incoming & kBlockMask;
  if (query.behaviors == 0) co_return absl::OkStatus();
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot.inbound(query));
    std::vector<ResourceKey> keys;
    for (const Edge& edge : page.edges) keys.push_back(edge.source);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot.get(std::move(keys), storage::Fields::kShadow));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].has_value()) continue;
      HF_CO_ASSIGN_OR_RETURN(const bool inside, co_await is_inside(snapshot, *rows[i]));
      if (!inside) note_blocker({page.edges[i].source, page.edges[i].field, row.key});
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return absl::OkStatus();
}

Task<absl::Status> Closing::check_children(Snapshot& snapshot, const Row& row) {
  storage::ScanQuery scan;
  for (const KindPlan* child : plans_.at(row.key.kind).children) {
    if (!GoesWithParent(*child, force_)) scan.kinds.push_back(child->name());
  }
  if (scan.kinds.empty()) co_return absl::OkStatus();
  scan.name_prefix = row.key.name.str() + "/";
  scan.fields = storage::Fields::kShadow;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot.scan(scan));
    for (const Row& child : page.rows) {
      const bool going = child.state == RowState::kDeleting || child.round == round_;
      const std::optional<ResourceKey> parent =
          plans_.at(child.key.kind).kind->parent_of(child.key.name);
      if (going || !parent.has_value() || *parent != row.key) continue;
      note_blocker({child.key, "", row.key});
    }
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return absl::OkStatus();
}

// Does the row go with this deletion? Either it is closed with it, or it needn't be and stands
// below one that is: names don't change, so it can't leave.
Task<absl::StatusOr<bool>> Closing::is_inside(Snapshot& snapshot, const Row& row) {
  Row at = row;
  for (;;) {
    if (at.state == RowState::kClosing && at.round == round_) co_return true;
    const KindPlan& plan = plans_.at(at.key.kind);
    if (must_close(plan) || at.state != RowState::kActive || !GoesWithParent(plan, force_)) {
      co_return false;
    }
    const std::optional<ResourceKey> parent = plan.kind->parent_of(at.key.name);
    if (!parent.has_value()) co_return false;
    std::vector<ResourceKey> keys{*parent};
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot.get(std::move(keys), storage::Fields::kShadow));
    if (!rows[0].has_value()) co_return false;
    at = *std::move(rows[0]);
  }
}

void Closing::note_blocker(Blocker blocker) {
  ++blockers_;
  if (first_blockers_.size() < kNamedBlockers) first_blockers_.push_back(std::move(blocker));
}

// Everything that the plan names is closed now: it can't change between here and the decision.
Task<absl::Status> Closing::check_plan() {
  if (options_.plan_digest.empty()) co_return absl::OkStatus();
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  Closure closure(plans_, *snapshot, {.max_resources = kMaxExplained, .round = round_}, nullptr);
  std::vector<ClosureRoot> roots{{.key = root_.key, .force = force_, .op = 0}};
  HF_CO_RETURN_IF_ERROR(co_await closure.run(std::move(roots)));
  const bool same = !closure.truncated() && closure.digest() == options_.plan_digest;
  co_return same ? absl::OkStatus() : PlanChanged(root_.key);
}

Task<absl::StatusOr<Revision>> Closing::decide(std::optional<storage::PutRequest> request) {
  storage::Batch batch;
  batch.label = absl::StrCat(root_.key.kind.str(), ".delete");
  if (request.has_value()) batch.add(*std::move(request), Handled());
  batch.add(storage::RequireRow{.key = root_.key,
                                .states = StateMask(RowState::kClosing),
                                .uid = root_.row->uid,
                                .version = root_.row->version,
                                .round = round_},
            Handled());
  const KindPlan& plan = *root_.plan;
  if (plan.kind->async_deletion) {
    // Stays readable, and with it all that it refers to and counts against. Can't fail: the guard
    // is about the same row.
    batch.add(restated(*root_.row, RowState::kDeleting, storage::kPendingRemove));
  } else {
    storage::UpdateRow op;
    op.expected = root_.row->version;
    op.row.key = root_.key;
    op.row.uid = root_.row->uid;
    op.row.version = root_.row->version;
    op.row.state = RowState::kDeleting;
    op.row.pending = storage::kPendingRemove;
    op.row.round = round_;
    op.row.delete_time = env_.clock().now();
    op.removed_edges = EdgesOf(plans_, plan, root_.key, *root_.before);
    op.removed_unique = UniqueValuesOf(plan, root_.key.name, *root_.before);
    op.row.outgoing = PackReferences(op.removed_edges);
    // Can't fail: the guard is about the same row.
    batch.add(std::move(op));
    for (const CountedLimit& limit : LimitsOf(plan, root_.key.name)) {
      // Can't fail: it is given back.
      batch.add(storage::TakeLimit{.key = limit.key, .n = -1, .default_max = limit.default_max});
    }
  }
  const storage::Commit commit = co_await engine_.commit(std::move(batch));
  if (commit.ok()) co_return commit.revision;
  using Kind = storage::Failure::Kind;
  if (commit.failure->kind == Kind::kAmbiguous) {
    co_return MakeError(Reason::kCommitUnknown,
                        "the database didn't say whether the deletion was decided; look");
  }
  co_return Conflict(root_.key);
}

namespace {

storage::SetState Restate(const Row& root, RowState to, std::string from_round, std::string round) {
  const bool open = to == RowState::kActive;
  return {.key = root.key,
          .uid = root.uid,
          .from_states = StateMask(RowState::kClosing),
          .from_round = std::move(from_round),
          .to = to,
          .round = std::move(round),
          .pending = open ? 0u : storage::kPendingRemove,
          .delete_time = open ? Timestamp() : root.delete_time};
}

}  // namespace

Task<absl::StatusOr<size_t>> Reopen(storage::Engine& engine, Row root, size_t max_ops) {
  const std::string round = MemberName(root.round);
  const std::string reopening = ReopeningName(round);
  storage::Batch mark;
  mark.label = "deletion.reopen";
  mark.add(Restate(root, RowState::kClosing, root.round, reopening), Handled());
  HF_CO_ASSIGN_OR_RETURN(const bool marked, co_await CommitGuarded(engine, std::move(mark)));
  if (!marked) co_return 0;
  for (size_t changed = 1;;) {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine.snapshot());
    storage::DutyQuery query{.state = RowState::kClosing,
                             .round = round,
                             .pending = 0,
                             .after = std::nullopt,
                             .limit = max_ops};
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->duties(std::move(query)));
    storage::Batch batch;
    batch.label = "deletion.reopen";
    for (const Row& row : page.rows)
      batch.add(Restate(row, RowState::kActive, round, ""), Handled());
    const bool last = page.rows.empty();
    if (last) batch.add(Restate(root, RowState::kActive, reopening, ""), Handled());
    const size_t size = batch.ops.size();
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await CommitGuarded(engine, std::move(batch)));
    // Not done: another node is at it too; there is less left each time.
    if (done) changed += size;
    if (last) co_return changed;
  }
}

}  // namespace holdfast::store
