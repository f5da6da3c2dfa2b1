#include "holdfast/store/constraint/removal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/store/constraint/deletion.h"
#include "holdfast/store/core/codec.h"

namespace holdfast::store {
namespace {

using storage::Edge;
using storage::Row;
using storage::RowState;
using storage::Snapshot;

Verdict LostRace(const WriteSet& /*set*/, const Note& /*note*/,
                 const storage::Failure& /*failure*/) {
  return Verdict::Retry();
}

bool IsSelfNested(const KindPlan& kind) {
  return std::find(kind.child_kinds.begin(), kind.child_kinds.end(), kind.name()) !=
         kind.child_kinds.end();
}

}  // namespace

Removal::Removal(Env& env, storage::Engine& engine, const Plans& plans, Committer& committer,
                 Row root, size_t max_batch_ops)
    : env_(env),
      engine_(engine),
      plans_(plans),
      committer_(committer),
      root_(std::move(root)),
      max_batch_ops_(max_batch_ops) {}

Task<absl::StatusOr<size_t>> Removal::run(size_t budget) {
  budget_ = budget;
  changed_ = 0;
  for (bool more = true; more && !is_spent();) {
    const size_t before = changed_;
    if (!progress_.open_gone) {
      HF_CO_ASSIGN_OR_RETURN(const bool open_left, co_await remove_open());
      progress_.open_gone = !open_left;
    }
    if (progress_.open_gone && !is_spent()) {
      HF_CO_ASSIGN_OR_RETURN(const bool closed_left, co_await sweep_closed());
      if (!closed_left && !is_spent()) {
        HF_CO_ASSIGN_OR_RETURN(done_, co_await finish_root());
      }
    }
    more = !done_ && changed_ > before;
  }
  co_return changed_;
}

// All that goes and needn't be closed, before anything that was closed: it may refer to that, and
// is readable until it goes. No other comes: what is above takes no child any more. Returns whether
// any are left.
Task<absl::StatusOr<bool>> Removal::remove_open() {
  HF_CO_ASSIGN_OR_RETURN(bool left, co_await remove_open_below(root_));
  const std::string below_root = root_.key.name.str() + "/";
  storage::DutyQuery query = closed_rows();
  do {
    if (is_spent()) co_return true;
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await closed_page(query));
    for (const Row& row : page.rows) {
      if (row.key.name.str().starts_with(below_root)) continue;
      HF_CO_ASSIGN_OR_RETURN(const bool open_left, co_await remove_open_below(row));
      left = left || open_left;
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return left;
}

// For this deletion. What another one has closed may be opened again.
bool Removal::is_closed(const Row& row) const {
  return row.state == RowState::kClosing && row.round == root_.round;
}

storage::DutyQuery Removal::closed_rows() const {
  return {.state = RowState::kClosing,
          .round = root_.round,
          .pending = 0,
          .after = std::nullopt,
          .limit = max_batch_ops_};
}

// One walk over the rows that were closed for this deletion: those without children go. Returns
// whether any are left.
Task<absl::StatusOr<bool>> Removal::sweep_closed() {
  bool left = false;
  storage::DutyQuery query = closed_rows();
  do {
    std::vector<Row> leaves;
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await closed_page(query));
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    for (Row& row : page.rows) {
      HF_CO_ASSIGN_OR_RETURN(const bool parent, co_await has_children(*snapshot, row));
      if (parent) {
        left = true;
      } else {
        leaves.push_back(std::move(row));
      }
    }
    const size_t before = changed_;
    const size_t wanted = leaves.size();
    HF_CO_RETURN_IF_ERROR(co_await erase(std::move(leaves)));
    left = left || changed_ - before < wanted;
    query.after = std::move(page.next);
  } while (query.after.has_value() && !is_spent());
  co_return left || query.after.has_value();
}

Task<absl::StatusOr<storage::ScanPage>> Removal::closed_page(storage::DutyQuery query) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<storage::ScanPage> page = co_await snapshot->duties(std::move(query));
  co_return page;
}

// Rows that needn't be closed and stand below `row`, children before their parents. Returns
// whether any are left.
Task<absl::StatusOr<bool>> Removal::remove_open_below(const Row& row) {
  bool left = false;
  for (const KindPlan* kind : plans_.at(row.key.kind).below) {
    if (kind->must_close) continue;
    if (is_spent()) co_return true;
    HF_CO_ASSIGN_OR_RETURN(const bool kind_left, co_await remove_open_kind(row, *kind));
    left = left || kind_left;
  }
  co_return left;
}

Task<absl::StatusOr<bool>> Removal::remove_open_kind(const Row& row, const KindPlan& kind) {
  bool left = false;
  storage::ScanQuery scan;
  scan.kinds = {kind.name()};
  scan.name_prefix = row.key.name.str() + "/";
  scan.limit = max_batch_ops_;
  do {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->scan(scan));
    std::vector<Row> leaves;
    for (Row& open : page.rows) {
      bool stays = open.state == RowState::kDeleting;  // that deletion will see to it
      if (!stays && IsSelfNested(kind)) {
        HF_CO_ASSIGN_OR_RETURN(stays, co_await has_children(*snapshot, open));
      }
      if (stays) {
        left = true;
      } else {
        leaves.push_back(std::move(open));
      }
    }
    const size_t before = changed_;
    const size_t wanted = leaves.size();
    HF_CO_RETURN_IF_ERROR(co_await erase(std::move(leaves)));
    left = left || changed_ - before < wanted;
    scan.after = std::move(page.next);
  } while (scan.after.has_value() && !is_spent());
  co_return left || scan.after.has_value();
}

Task<absl::StatusOr<bool>> Removal::has_children(Snapshot& snapshot, const Row& row) {
  const KindPlan& plan = plans_.at(row.key.kind);
  if (plan.child_kinds.empty()) co_return false;
  storage::ScanQuery scan;
  scan.kinds = plan.child_kinds;
  scan.name_prefix = row.key.name.str() + "/";
  scan.limit = 1;
  scan.fields = storage::Fields::kShadow;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot.scan(scan));
    if (!page.rows.empty()) co_return true;
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return false;
}

// True: the root is gone.
Task<absl::StatusOr<bool>> Removal::finish_root() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys{root_.key};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kAll));
  const bool gone = !rows[0].has_value() || rows[0]->state != RowState::kDeleting ||
                    rows[0]->round != root_.round;
  if (gone) co_return true;
  HF_CO_ASSIGN_OR_RETURN(const bool parent, co_await has_children(*snapshot, root_));
  if (parent) co_return false;
  const size_t before = changed_;
  std::vector<Row> last;
  last.push_back(*std::move(rows[0]));
  HF_CO_RETURN_IF_ERROR(co_await erase(std::move(last)));
  co_return changed_ > before;
}

Task<absl::Status> Removal::erase(std::vector<Row> rows) {
  size_t next = 0;
  int fruitless = 0;
  while (next < rows.size() && fruitless < 3 && !is_spent()) {
    WriteRequest request;
    WriteSet set(env_, engine_, plans_, request, WriteSet::Purpose::kRemoval);
    HF_CO_ASSIGN_OR_RETURN(Snapshot* const snapshot, co_await set.snapshot());
    const size_t first = next;
    while (next < rows.size() && set.changes().size() < max_batch_ops_) {
      HF_CO_ASSIGN_OR_RETURN(const bool cleared, co_await add_unsets(set, *snapshot, rows[next]));
      if (!cleared) break;
      HF_CO_RETURN_IF_ERROR(add_erasure(set, rows[next]));
      ++next;
    }
    const size_t before = changed_;
    HF_CO_RETURN_IF_ERROR(co_await commit(set));
    // A batch that was lost is left to the next walk.
    fruitless = changed_ > before ? 0 : fruitless + 1;
    if (changed_ == before && next > first) fruitless = 3;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> Removal::add_unsets(WriteSet& set, Snapshot& snapshot, const Row& row) {
  const KindPlan& plan = plans_.at(row.key.kind);
  storage::InboundQuery query;
  query.target = row.key;
  query.behaviors = plan.incoming & kUnsetMask;
  query.limit = max_batch_ops_;
  if (query.behaviors == 0) co_return true;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot.inbound(query));
    std::vector<ResourceKey> keys;
    for (const Edge& edge : page.edges) keys.push_back(edge.source);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> sources,
                           co_await snapshot.get(std::move(keys), storage::Fields::kShadow));
    for (size_t i = 0; i < page.edges.size(); ++i) {
      const std::optional<Row>& source = sources[i];
      const Change* planned = set.find(page.edges[i].source);
      // What was closed goes later than what wasn't: until then it is read.
      const bool goes_too = is_closed(row) && source.has_value() && is_closed(*source);
      const bool goes = !source.has_value() || goes_too ||
                        (planned != nullptr && planned->type == WriteOp::Type::kDelete);
      if (goes) continue;
      if (planned == nullptr && set.changes().size() + 1 >= max_batch_ops_) co_return false;
      std::vector<Edge> edges{page.edges[i]};
      const ResourceKey key = page.edges[i].source;
      HF_CO_RETURN_IF_ERROR(co_await AddUnset(set, snapshot, key, edges, 0));
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return true;
}

absl::Status Removal::add_erasure(WriteSet& set, Row row) {
  if (Change* planned = set.find(row.key)) {
    // A reference of its own was to be cleared; that goes with it.
    planned->type = WriteOp::Type::kDelete;
    planned->after = nullptr;
    planned->unchanged = false;
    return absl::OkStatus();
  }
  Change change;
  change.type = WriteOp::Type::kDelete;
  change.origin = Change::Origin::kDeletion;
  change.plan = &plans_.at(row.key.kind);
  change.key = row.key;
  if (row.body.has_value()) {
    HF_ASSIGN_OR_RETURN(change.before, ParseBody(plans_, *change.plan, row));
  }
  change.row = std::move(row);
  return set.add(std::move(change)).status();
}

Task<absl::Status> Removal::commit(WriteSet& set) {
  if (set.changes().empty()) co_return absl::OkStatus();
  // What was read may be another life by now: somebody else has ended this deletion, and its names
  // are used again.
  set.add_op(storage::RequireRow{.key = root_.key,
                                 .states = 1u << static_cast<int>(RowState::kDeleting),
                                 .uid = root_.uid,
                                 .version = std::nullopt,
                                 .round = root_.round},
             {.explain = &LostRace, .change = set.changes()[0].get()});
  for (const auto& change : set.changes()) {
    if (change->type != WriteOp::Type::kDelete) continue;
    const KindPlan& plan = *change->plan;
    // Of a closed row only references from inside are left, which go later. Others may still have
    // got new ones.
    if (!is_closed(*change->row) && (plan.incoming & kHoldingMask) != 0) {
      set.add_op(storage::RequireNoInbound{.key = change->key},
                 {.explain = &LostRace, .change = change.get()});
    }
    if (!plan.child_kinds.empty()) {
      set.add_op(storage::RequireNoChildren{.key = change->key, .kinds = plan.child_kinds},
                 {.explain = &LostRace, .change = change.get()});
    }
  }
  const size_t size = set.changes().size();
  HF_CO_ASSIGN_OR_RETURN(const bool committed, co_await committer_.commit_removal(set));
  if (committed) changed_ += size;
  co_return absl::OkStatus();
}

}  // namespace holdfast::store
