#include "holdfast/storage/sql/set_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/binds.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/locks.h"

namespace holdfast::storage::sql {
namespace {

const batch::Expect kOne = batch::Expect::Exactly(1);
const batch::Expect kNone = batch::Expect::Exactly(0);
constexpr uint32_t kAnyState = ~0u >> 1;

template <class T, class F>
void ForEach(const Batch& batch, const F& f) {
  for (const Op& op : batch.ops) {
    if (const auto* typed = std::get_if<T>(&op)) f(*typed);
  }
}

// --- does the order matter? ----------------------------------------------------------------------

template <class T, class KeyOf>
bool Repeats(const Batch& batch, const KeyOf& key_of) {
  std::set<decltype(key_of(std::declval<const T&>()))> seen;
  bool repeats = false;
  ForEach<T>(batch, [&](const T& op) { repeats = !seen.insert(key_of(op)).second || repeats; });
  return repeats;
}

// Does an update give up what an earlier one takes?
template <class T>
bool Swaps(const Batch& batch, std::vector<T> UpdateRow::*removed,
           std::vector<T> UpdateRow::*added) {
  std::set<T> taken;
  bool swaps = false;
  ForEach<UpdateRow>(batch, [&](const UpdateRow& op) {
    for (const T& value : op.*removed) swaps = swaps || taken.contains(value);
    taken.insert((op.*added).begin(), (op.*added).end());
  });
  return swaps;
}

bool OrderMatters(const Batch& batch) {
  if (batch.ops.size() == 1) return false;
  return Repeats<EraseRow>(batch, [](const EraseRow& op) { return op.key; }) ||
         Repeats<UpdateRow>(batch, [](const UpdateRow& op) { return op.row.key; }) ||
         Repeats<SetState>(batch, [](const SetState& op) { return op.key; }) ||
         Repeats<CreateRow>(batch, [](const CreateRow& op) { return op.row.key; }) ||
         Repeats<DropClaim>(batch, [](const DropClaim& op) { return op.key; }) ||
         Repeats<PutClaim>(batch, [](const PutClaim& op) { return op.claim.key; }) ||
         Swaps(batch, &UpdateRow::removed_edges, &UpdateRow::added_edges) ||
         Swaps(batch, &UpdateRow::removed_unique, &UpdateRow::added_unique);
}

// The one row that the batch makes, of one edge at most and a few targets, if it locks nothing
// else.
const CreateRow* OnlyCreate(const Batch& batch, const Locks& locks) {
  const bool targets_only = std::all_of(
      locks.rows.begin(), locks.rows.end(),
      [](const RowLock& row) { return row.lock == Lock::kKeyShare && row.guard == nullptr; });
  if (!targets_only || locks.rows.empty() || locks.rows.size() > kJoinedTargets) return nullptr;
  const CreateRow* only = nullptr;
  size_t count = 0;
  ForEach<CreateRow>(batch, [&](const CreateRow& op) {
    only = &op;
    ++count;
  });
  return count == 1 && only->edges.size() <= 1 ? only : nullptr;
}

// --- steps ---------------------------------------------------------------------------------------

class Planner {
 public:
  Planner(const Dialect& dialect, const NameIds& names, const Batch& batch, Timestamp now)
      : dialect_(dialect),
        sets_(*dialect.sets),
        bind_(dialect, names),
        batch_(batch),
        now_(now),
        sql_(batch.label),
        locks_(LocksOf(batch)),
        only_create_(OnlyCreate(batch, locks_)) {}

  batch::Batch run() {
    if (only_create_ == nullptr) lock();
    required_claims();
    requests();
    drops();
    changes();
    only_create_ == nullptr ? creates() : create_on_targets();
    puts();
    cursors();
    limits();
    claims();
    checks();
    if (batch_.mode == Batch::Mode::kRehearse) sql_.set_mode(batch::Batch::Mode::kRehearse);
    return std::move(sql_);
  }

 private:
  using Rows = std::vector<batch::Row>;

  void add(std::string_view label, const SetText& text, Rows rows, batch::Expect expect = {}) {
    if (rows.empty()) return;
    const bool many = rows.size() > 1;
    batch::Step step{.label = absl::StrCat(ToAbsl(label), many ? "[]" : ""),
                     .sql = many ? text.set : text.each,
                     .binds = std::move(rows),
                     .expect = expect};
    if (many) step.takes = batch::Step::Takes::kSet;
    sql_.add(std::move(step));
  }

  // One after another, where what is changed is few.
  void add_each(std::string_view label, const std::string& sql, Rows rows) {
    if (rows.empty()) return;
    sql_.add(batch::Step{
        .label = std::string(label), .sql = sql, .binds = std::move(rows), .expect = kOne});
  }

  // In order of their keys: of two batches that change the same, one waits for the other.
  template <class T, class KeyOf>
  std::vector<const T*> by_key(const KeyOf& key_of) const {
    std::vector<const T*> ops;
    ForEach<T>(batch_, [&](const T& op) { ops.push_back(&op); });
    std::sort(ops.begin(), ops.end(),
              [&](const T* a, const T* b) { return *key_of(*a) < *key_of(*b); });
    return ops;
  }

  batch::Row bind_lock(const RowLock& row) const {
    if (row.guard != nullptr) return bind_.guard(*row.guard);
    RequireRow any{.key = *row.key, .states = kAnyState};
    if (row.lock == Lock::kKeyShare) any.states = 1u << static_cast<int>(RowState::kActive);
    return bind_.guard(any);
  }

  void lock() {
    const std::vector<RowLock>& rows = locks_.rows;
    if (rows.empty()) return;
    const Lock first = rows.front().lock;
    const bool alike =
        std::all_of(rows.begin(), rows.end(), [&](const RowLock& r) { return r.lock == first; });
    Rows binds;
    for (const RowLock& row : rows) {
      if (alike && first == Lock::kKeyShare) {
        binds.push_back(bind_.key(*row.key));
        continue;
      }
      binds.push_back(bind_lock(row));
      if (!alike) binds.back().push_back(Number(static_cast<int64_t>(row.lock)));
    }
    if (!alike) {
      add("sets.lock_mixed", {.each = {}, .set = sets_.lock_mixed}, std::move(binds), kOne);
    } else if (first == Lock::kKeyShare) {
      add("sets.lock_target", sets_.lock_target, std::move(binds), kOne);
    } else {
      const SetText& text = sets_.lock_row[static_cast<size_t>(first)];
      add("sets.lock_row", text, std::move(binds), kOne);
    }
  }

  void required_claims() {
    Rows rows;
    for (const auto* op : by_key<RequireClaim>([](const auto& op) { return &op.key; })) {
      rows.push_back(bind_.required(*op));
    }
    add("sets.require_claim", sets_.require_claim, std::move(rows), kOne);
  }

  void requests() {
    Rows rows;
    ForEach<PutRequest>(batch_,
                        [&](const PutRequest& op) { rows.push_back(bind_.request(op, now_)); });
    add("sets.put_request", sets_.put_request, std::move(rows));
  }

  void drops() {
    Rows edges;
    Rows values;
    const auto drop = [&](const std::vector<Edge>& removed,
                          const std::vector<UniqueValue>& unique) {
      for (const Edge& edge : removed) edges.push_back(bind_.dropped(edge));
      for (const UniqueValue& value : unique) values.push_back(bind_.unique(value));
    };
    ForEach<EraseRow>(batch_,
                      [&](const EraseRow& op) { drop(op.removed_edges, op.removed_unique); });
    ForEach<UpdateRow>(batch_,
                       [&](const UpdateRow& op) { drop(op.removed_edges, op.removed_unique); });
    // Can't fail: what isn't there needn't be dropped.
    add("sets.drop_edge", sets_.drop_edge, std::move(edges));
    // Can't fail: as above.
    add("sets.drop_unique", sets_.drop_unique, std::move(values));
  }

  void changes() {
    Rows erased;
    Rows updated;
    Rows restated;
    ForEach<EraseRow>(batch_, [&](const EraseRow& op) { erased.push_back(bind_.erase(op)); });
    ForEach<UpdateRow>(batch_, [&](const UpdateRow& op) {
      updated.push_back(bind_.update(Row(op.row), op.expected));
    });
    ForEach<SetState>(batch_, [&](const SetState& op) { restated.push_back(bind_.state(op)); });
    add("sets.erase_row", sets_.erase_row, std::move(erased), kOne);
    add("sets.update_row", sets_.update_row, std::move(updated), kOne);
    add("sets.set_state", sets_.set_state, std::move(restated), kOne);
  }

  // Who has nothing else to lock does it in the statement that makes the row.
  void create_on_targets() {
    batch::Row row = bind_.create(Row(only_create_->row));
    const auto append = [&row](batch::Row more) {
      std::move(more.begin(), more.end(), std::back_inserter(row));
    };
    const bool with_edge = !only_create_->edges.empty();
    if (with_edge) append(bind_.put(only_create_->edges.front()));
    for (const RowLock& target : locks_.rows) append(bind_.key(*target.key));
    const auto& texts = sets_.create_row_on_targets[with_edge ? 1 : 0];
    Rows rows;
    rows.push_back(std::move(row));
    sql_.add(batch::Step{.label = "sets.create_row_on_targets",
                         .sql = texts[locks_.rows.size() - 1],
                         .binds = std::move(rows)});
  }

  void creates() {
    Rows rows;
    Rows edges;
    for (const auto* op : by_key<CreateRow>([](const auto& op) { return &op.row.key; })) {
      rows.push_back(bind_.create(Row(op->row)));
      for (const Edge& edge : op->edges) edges.push_back(bind_.put(edge));
    }
    if (rows.empty() || edges.empty()) {
      add("sets.create_row", sets_.create_row, std::move(rows));
      return;
    }
    // Side by side.
    const size_t width = rows[0].size();
    const size_t edge_width = edges[0].size();
    rows.resize(std::max(rows.size(), edges.size()));
    edges.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i].resize(width);
      edges[i].resize(edge_width);
      std::move(edges[i].begin(), edges[i].end(), std::back_inserter(rows[i]));
    }
    add("sets.create_row_with_edge", sets_.create_row_with_edge, std::move(rows));
  }

  // What updates add, and all unique values: sorted, so that two batches wait in one direction.
  void puts() {
    Rows edges;
    std::vector<UniqueValue> values;
    ForEach<UpdateRow>(batch_, [&](const UpdateRow& op) {
      for (const Edge& edge : op.added_edges) edges.push_back(bind_.put(edge));
      values.insert(values.end(), op.added_unique.begin(), op.added_unique.end());
    });
    ForEach<CreateRow>(batch_, [&](const CreateRow& op) {
      values.insert(values.end(), op.unique.begin(), op.unique.end());
    });
    std::sort(values.begin(), values.end());
    Rows unique;
    for (const UniqueValue& value : values) unique.push_back(bind_.unique(value));
    // Can't fail: it replaces what is there.
    add("sets.put_edge", sets_.put_edge, std::move(edges));
    add("sets.put_unique", sets_.put_unique, std::move(unique));
  }

  void cursors() {
    Rows rows;
    ForEach<PutCursor>(batch_, [&](const PutCursor& op) { rows.push_back(bind_.cursor(op)); });
    add_each("swap_cursor", dialect_.swap_cursor, std::move(rows));
  }

  // All that the batch takes from one limit, in the order of ops.
  struct Taken {
    int64_t sum = 0;
    int64_t lowest = 0;              // of the sums on the way
    std::optional<int64_t> highest;  // of those after something was added
    int64_t max = 0;
    bool adds_only = true;
  };

  void limits() {
    std::map<LimitKey, Taken> limits;
    ForEach<TakeLimit>(batch_, [&](const TakeLimit& op) {
      Taken& taken = limits[op.key];
      taken.max = op.default_max;
      taken.sum += op.n;
      taken.lowest = std::min(taken.lowest, taken.sum);
      if (op.n > 0) taken.highest = std::max(taken.highest.value_or(taken.sum), taken.sum);
      taken.adds_only = taken.adds_only && op.n > 0;
    });
    Rows keys;
    Rows added;
    Rows changed;
    for (const auto& [key, taken] : limits) {
      batch::Row row = bind_.limit(key, taken.sum);
      keys.emplace_back(row.begin(), row.end() - 1);
      row.push_back(Number(taken.max));
      if (taken.adds_only && taken.sum <= taken.max) {
        added.push_back(std::move(row));
      } else {
        row.push_back(Number(taken.lowest));
        row.push_back(taken.highest.has_value() ? Number(*taken.highest) : batch::Null());
        changed.push_back(std::move(row));
      }
    }
    // An update of several rows locks them in an order of its own.
    if (changed.size() > 1 || (!changed.empty() && !added.empty())) {
      // Can't fail: it only locks.
      add("sets.lock_limits", {.each = {}, .set = sets_.lock_limits}, std::move(keys));
    }
    add("sets.add_limit", sets_.add_limit, std::move(added), kOne);
    add("sets.change_limit", sets_.change_limit, std::move(changed), kOne);
  }

  void claims() {
    Rows dropped;
    Rows changed;
    Rows made;
    for (const auto* op : by_key<DropClaim>([](const auto& op) { return &op.key; })) {
      dropped.push_back(bind_.drop(*op));
    }
    for (const auto* op : by_key<PutClaim>([](const auto& op) { return &op.claim.key; })) {
      (op->expected.has_value() ? changed : made).push_back(bind_.put(*op));
    }
    add_each("drop_claim", dialect_.drop_claim, std::move(dropped));
    add_each("change_claim", dialect_.change_claim, std::move(changed));
    add_each("make_claim", dialect_.make_claim, std::move(made));
  }

  void checks() {
    Rows targets;
    Rows inbound;
    Rows children;
    Rows held;
    for (const ResourceKey* target : locks_.own_targets) targets.push_back(bind_.key(*target));
    ForEach<RequireNoInbound>(
        batch_, [&](const RequireNoInbound& op) { inbound.push_back(bind_.key(op.key)); });
    ForEach<RequireNoChildren>(batch_, [&](const RequireNoChildren& op) {
      const std::set<KindName> kinds(op.kinds.begin(), op.kinds.end());
      for (const KindName& kind : kinds) children.push_back(bind_.children(op.key, kind));
    });
    ForEach<RequireUnheld>(batch_,
                           [&](const RequireUnheld& op) { held.push_back(bind_.unheld(op)); });
    add("sets.require_target", sets_.require_target, std::move(targets), kOne);
    add("sets.find_inbound", sets_.find_inbound, std::move(inbound), kNone);
    add("sets.find_child", sets_.find_child, std::move(children), kNone);
    add("sets.find_hold", sets_.find_hold, std::move(held), kNone);
  }

  const Dialect& dialect_;
  const SetTexts& sets_;
  const Binder bind_;
  const Batch& batch_;
  const Timestamp now_;
  batch::Batch sql_;
  const Locks locks_;
  const CreateRow* const only_create_;  // see create_on_targets()
};

}  // namespace

std::optional<batch::Batch> SetPlan(const Dialect& dialect, const NameIds& names,
                                    const Batch& batch, Timestamp now) {
  if (OrderMatters(batch)) return std::nullopt;
  return Planner(dialect, names, batch, now).run();
}

}  // namespace holdfast::storage::sql
