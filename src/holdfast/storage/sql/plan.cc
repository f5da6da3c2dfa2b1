#include "holdfast/storage/sql/plan.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/failed_guards.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/locks.h"

namespace holdfast::storage::sql {
namespace {

const batch::Expect kOne = batch::Expect::Exactly(1);
const batch::Expect kNone = batch::Expect::Exactly(0);

std::vector<KindName> Sorted(const std::vector<KindName>& kinds) {
  const std::set<KindName> sorted(kinds.begin(), kinds.end());
  return {sorted.begin(), sorted.end()};
}

const ResourceKey* KeyOf(const Op& op) {
  if (const auto* o = std::get_if<RequireRow>(&op)) return &o->key;
  if (const auto* o = std::get_if<EraseRow>(&op)) return &o->key;
  if (const auto* o = std::get_if<UpdateRow>(&op)) return &o->row.key;
  if (const auto* o = std::get_if<SetState>(&op)) return &o->key;
  if (const auto* o = std::get_if<CreateRow>(&op)) return &o->row.key;
  if (const auto* o = std::get_if<RequireTarget>(&op)) return &o->key;
  return nullptr;
}

const ClaimKey* ClaimKeyOf(const Op& op) {
  if (const auto* o = std::get_if<RequireClaim>(&op)) return &o->key;
  if (const auto* o = std::get_if<DropClaim>(&op)) return &o->key;
  if (const auto* o = std::get_if<PutClaim>(&op)) return &o->claim.key;
  return nullptr;
}

}  // namespace

// Rows of one type of op, with their edges and unique values, of several ops together.
//
// Statement by statement for many ops isn't op by op; the difference must not show. It would if an
// op's unique value could fail before the row of an earlier one, or if two ops were about one row.
// So a run ends behind an op that adds unique values, and before a row that it has already.
class Plan::RowRun {
 public:
  RowRun(Plan& plan, const char* label, const std::string& sql)
      : plan_(plan),
        change_{.label = label,
                .sql = sql,
                .expect = kOne,
                .observe = &plan.dialect_.see_row,
                .about = About::kRow} {}
  ~RowRun() { flush(); }
  RowRun(const RowRun&) = delete;
  RowRun& operator=(const RowRun&) = delete;

  void add(uint32_t op, const ResourceKey& key, batch::Row row) {
    if (!keys_.insert(&key).second) {
      flush();
      keys_.insert(&key);
    }
    rows_.push_back({op, std::move(row)});
  }
  void drop_edges(uint32_t op, const std::vector<Edge>& edges) {
    for (const Edge& edge : edges) dropped_edges_.push_back({op, plan_.bind_.dropped(edge)});
  }
  void put_edges(uint32_t op, const std::vector<Edge>& edges) {
    for (const Edge& edge : edges) put_edges_.push_back({op, plan_.bind_.put(edge)});
  }
  void drop_unique(uint32_t op, const std::vector<UniqueValue>& values) {
    for (const UniqueValue& value : values)
      dropped_unique_.push_back({op, plan_.bind_.unique(value)});
  }
  void put_unique(uint32_t op, const std::vector<UniqueValue>& values) {
    for (const UniqueValue& value : values) put_unique_.push_back({op, plan_.bind_.unique(value)});
    if (!values.empty()) flush();
  }

 private:
  struct Execution {
    uint32_t op;
    batch::Row binds;
  };
  struct ByKey {
    bool operator()(const ResourceKey* a, const ResourceKey* b) const { return *a < *b; }
  };

  void emit(const Statement& statement, std::vector<Execution>& executions) {
    uint32_t part = 0;
    for (size_t i = 0; i < executions.size(); ++i) {
      part = i > 0 && executions[i - 1].op == executions[i].op ? part + 1 : 0;
      plan_.add(statement, std::move(executions[i].binds), {executions[i].op, part});
    }
    executions.clear();
  }

  void flush() {
    const Dialect& d = plan_.dialect_;
    // Neighbours in the table one after another: a sixth less work for SQLite.
    std::stable_sort(
        put_edges_.begin(), put_edges_.end(),
        [](const Execution& a, const Execution& b) { return a.binds[1] < b.binds[1]; });
    emit(change_, rows_);
    emit({.label = "drop_edge", .sql = d.drop_edge}, dropped_edges_);
    emit({.label = "put_edge", .sql = d.put_edge}, put_edges_);
    emit({.label = "drop_unique", .sql = d.drop_unique}, dropped_unique_);
    emit({.label = "put_unique", .sql = d.put_unique, .expect = kOne, .about = About::kUnique},
         put_unique_);
    keys_.clear();
  }

  Plan& plan_;
  Statement change_;
  std::set<const ResourceKey*, ByKey> keys_;
  std::vector<Execution> rows_;
  std::vector<Execution> dropped_edges_;
  std::vector<Execution> put_edges_;
  std::vector<Execution> dropped_unique_;
  std::vector<Execution> put_unique_;
};

Plan::Plan(const Dialect& dialect, const NameIds& names, Batch& batch, Timestamp now)
    : dialect_(dialect), bind_(dialect, names), batch_(batch), now_(now) {
  std::array<Positions, std::variant_size_v<Op>> by_type;
  for (uint32_t i = 0; i < batch.ops.size(); ++i) by_type[batch.ops[i].index()].push_back(i);

  if (!dialect.next_revision.empty()) {
    // A request that is noted alone changes nothing that a reader sees.
    const bool moves = batch.ops.size() != 1 || by_type[0].empty();
    const std::string& sql = moves ? dialect.next_revision : dialect.this_revision;
    // Can't fail: the row is made with the database.
    add({.label = "next_revision", .sql = sql, .expect = kOne}, {}, {});
  }
  if (!dialect.lock_row.empty()) plan_locks();
  using Planner = void (Plan::*)(const Positions&);
  // In the order of Op's alternatives.
  constexpr std::array<Planner, std::variant_size_v<Op>> kPlanners = {
      &Plan::plan_requests,       &Plan::plan_guards,   &Plan::plan_required_claims,
      &Plan::plan_erases,         &Plan::plan_updates,  &Plan::plan_states,
      &Plan::plan_creates,        &Plan::plan_cursors,  &Plan::plan_limits,
      &Plan::plan_dropped_claims, &Plan::plan_claims,   &Plan::plan_targets,
      &Plan::plan_inbound,        &Plan::plan_children, &Plan::plan_unheld};
  for (size_t type = 0; type < kPlanners.size(); ++type) (this->*kPlanners[type])(by_type[type]);
}

void Plan::add(const Statement& statement, batch::Row binds, Origin origin) {
  if (last_sql_ != &statement.sql) {
    last_sql_ = &statement.sql;
    batch::Step step{.label = statement.label, .sql = statement.sql, .expect = statement.expect};
    if (statement.observe != nullptr) step.observe = *statement.observe;
    steps_.push_back(std::move(step));
    labels_.push_back(statement.label);
    about_.push_back(statement.about);
    origins_.emplace_back();
  }
  // A step without parameters is executed once anyway.
  if (!binds.empty()) steps_.back().binds.push_back(std::move(binds));
  origins_.back().push_back(origin);
}

batch::Batch Plan::take() {
  batch::Batch sql(batch_.label);
  for (batch::Step& step : steps_) sql.add(std::move(step));
  if (batch_.mode == Batch::Mode::kRehearse) sql.set_mode(batch::Batch::Mode::kRehearse);
  return sql;
}

// Whatever the rows are like: the guards tell that, each in its turn. Rows to be removed are locked
// twice: who closes one replaces it (wait_out), and who waited for that has locked nothing.
void Plan::plan_locks() {
  const Locks locks = LocksOf(batch_);
  const auto lock = [this](const RowLock& row) {
    batch::Row binds = bind_.key(*row.key);
    binds.push_back(Number(static_cast<int64_t>(row.lock)));
    add({.label = "lock_row", .sql = dialect_.lock_row}, std::move(binds), {});
  };
  for (const RowLock& row : locks.rows) lock(row);
  for (const RowLock& row : locks.rows) {
    if (row.lock == Lock::kUpdate) lock(row);
  }
}

void Plan::plan_requests(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "put_request",
         .sql = dialect_.put_request,
         .expect = kOne,
         .observe = &dialect_.see_request,
         .about = About::kRequest},
        bind_.request(std::get<PutRequest>(batch_.ops[i]), now_), {i});
  }
}

void Plan::plan_guards(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "require_row",
         .sql = dialect_.require_row,
         .expect = kOne,
         .observe = &dialect_.see_row,
         .about = About::kRow},
        bind_.guard(std::get<RequireRow>(batch_.ops[i])), {i});
  }
}

void Plan::plan_required_claims(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "require_claim",
         .sql = dialect_.require_claim,
         .expect = kOne,
         .observe = &dialect_.see_claim,
         .about = About::kClaim},
        bind_.required(std::get<RequireClaim>(batch_.ops[i])), {i});
  }
}

void Plan::plan_erases(const Positions& ops) {
  RowRun run(*this, "erase_row", dialect_.erase_row);
  for (const uint32_t i : ops) {
    const auto& op = std::get<EraseRow>(batch_.ops[i]);
    run.add(i, op.key, bind_.erase(op));
    run.drop_edges(i, op.removed_edges);
    run.drop_unique(i, op.removed_unique);
  }
}

void Plan::plan_updates(const Positions& ops) {
  RowRun run(*this, "update_row", dialect_.update_row);
  for (const uint32_t i : ops) {
    auto& op = std::get<UpdateRow>(batch_.ops[i]);
    run.add(i, op.row.key, bind_.update(std::move(op.row), op.expected));
    run.drop_edges(i, op.removed_edges);
    run.put_edges(i, op.added_edges);
    run.drop_unique(i, op.removed_unique);
    run.put_unique(i, op.added_unique);
  }
}

void Plan::plan_states(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "set_state",
         .sql = dialect_.set_state,
         .expect = kOne,
         .observe = &dialect_.see_row,
         .about = About::kRow},
        bind_.state(std::get<SetState>(batch_.ops[i])), {i});
  }
}

void Plan::plan_creates(const Positions& ops) {
  RowRun run(*this, "create_row", dialect_.create_row);
  for (const uint32_t i : ops) {
    auto& op = std::get<CreateRow>(batch_.ops[i]);
    run.add(i, op.row.key, bind_.create(std::move(op.row)));
    run.put_edges(i, op.edges);
    run.put_unique(i, op.unique);
  }
}

void Plan::plan_cursors(const Positions& ops) {
  for (const uint32_t i : ops) {
    const auto& op = std::get<PutCursor>(batch_.ops[i]);
    if (!dialect_.swap_cursor.empty()) {
      add({.label = "swap_cursor",
           .sql = dialect_.swap_cursor,
           .expect = kOne,
           .about = About::kCursor},
          bind_.cursor(op), {i});
      continue;
    }
    if (op.expected.has_value()) {
      add({.label = "require_cursor",
           .sql = dialect_.require_cursor,
           .expect = kOne,
           .about = About::kCursor},
          {Text(op.name), batch::Blob{*op.expected}}, {i});
    }
    if (op.value.empty()) {
      add({.label = "drop_cursor", .sql = dialect_.drop_cursor}, {Text(op.name)}, {i});
    } else {
      add({.label = "put_cursor", .sql = dialect_.put_cursor},
          {Text(op.name), batch::Blob{op.value}}, {i});
    }
  }
}

void Plan::plan_limits(const Positions& ops) {
  for (const uint32_t i : ops) {
    const auto& op = std::get<TakeLimit>(batch_.ops[i]);
    add({.label = "ensure_limit", .sql = dialect_.ensure_limit},
        bind_.limit(op.key, op.default_max), {i});
  }
  for (const uint32_t i : ops) {
    const auto& op = std::get<TakeLimit>(batch_.ops[i]);
    add({.label = "take_limit",
         .sql = dialect_.take_limit,
         .expect = kOne,
         .observe = &dialect_.see_limit,
         .about = About::kLimit},
        bind_.limit(op.key, op.n), {i});
  }
}

void Plan::plan_dropped_claims(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "drop_claim",
         .sql = dialect_.drop_claim,
         .expect = kOne,
         .observe = &dialect_.see_claim,
         .about = About::kClaim},
        bind_.drop(std::get<DropClaim>(batch_.ops[i])), {i});
  }
}

void Plan::plan_claims(const Positions& ops) {
  for (const uint32_t i : ops) {
    const auto& op = std::get<PutClaim>(batch_.ops[i]);
    if (op.expected.has_value()) {
      add({.label = "change_claim",
           .sql = dialect_.change_claim,
           .expect = kOne,
           .observe = &dialect_.see_claim,
           .about = About::kClaim},
          bind_.put(op), {i});
    } else {
      add({.label = "make_claim",
           .sql = dialect_.make_claim,
           .expect = kOne,
           .observe = &dialect_.see_claim,
           .about = About::kClaim},
          bind_.put(op), {i});
    }
  }
}

void Plan::plan_targets(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "require_target",
         .sql = dialect_.require_target,
         .expect = kOne,
         .observe = &dialect_.see_row,
         .about = About::kRow},
        bind_.key(std::get<RequireTarget>(batch_.ops[i]).key), {i});
  }
}

void Plan::plan_inbound(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "find_inbound",
         .sql = dialect_.find_inbound,
         .expect = kNone,
         .observe = &dialect_.see_inbound,
         .about = About::kInbound},
        bind_.key(std::get<RequireNoInbound>(batch_.ops[i]).key), {i});
  }
}

void Plan::plan_children(const Positions& ops) {
  for (const uint32_t i : ops) {
    const auto& op = std::get<RequireNoChildren>(batch_.ops[i]);
    uint32_t part = 0;
    for (const KindName& kind : Sorted(op.kinds)) {
      add({.label = "find_child",
           .sql = dialect_.find_child,
           .expect = kNone,
           .observe = &dialect_.see_child,
           .about = About::kChild},
          bind_.children(op.key, kind), {i, part++});
    }
  }
}

void Plan::plan_unheld(const Positions& ops) {
  for (const uint32_t i : ops) {
    add({.label = "find_hold",
         .sql = dialect_.find_hold,
         .expect = kNone,
         .observe = &dialect_.see_hold,
         .about = About::kHold},
        bind_.unheld(std::get<RequireUnheld>(batch_.ops[i])), {i});
  }
}

Failure FailureOf(const batch::Failure& failure) {
  Failure answer;
  answer.message = failure.label + ": " + failure.message;
  if (failure.failure_class == batch::FailureClass::kRetryable) {
    answer.kind = Failure::Kind::kRetryable;
  } else if (failure.failure_class == batch::FailureClass::kAmbiguous) {
    answer.kind = Failure::Kind::kAmbiguous;
  } else if (failure.failure_class == batch::FailureClass::kUnavailable) {
    answer.kind = Failure::Kind::kUnavailable;
  }
  return answer;
}

Failure Plan::explain(const batch::Failure& failure) const {
  Failure answer = FailureOf(failure);
  if (failure.step >= about_.size()) return answer;

  NoteFailedGuard(absl::StrCat(dialect_.name, "/", labels_[failure.step]));
  HF_CHECK(failure.execution < origins_[failure.step].size());
  const Origin origin = origins_[failure.step][failure.execution];
  answer.op = origin.op;
  const About about = about_[failure.step];
  if (about == About::kLimit) return see_limit(std::move(answer), failure);
  if (failure.failure_class != batch::FailureClass::kRowCount) return answer;
  answer.kind = Failure::Kind::kGuard;
  answer.message.clear();
  switch (about) {
    case About::kRow:
      return see_row(std::move(answer), failure.observed);
    case About::kClaim:
      return see_claim(std::move(answer), failure.observed);
    case About::kHold:
      return see_hold(std::move(answer), failure.observed);
    case About::kUnique:
      return see_unique(std::move(answer), origin.part);
    case About::kInbound:
      return see_inbound(std::move(answer), failure.observed);
    case About::kChild:
      return see_child(std::move(answer), origin.part, failure.observed);
    case About::kRequest:
      // Purged since: it would be new now.
      answer.kind = Failure::Kind::kRetryable;
      if (failure.observed.size() != 2) return answer;
      answer.kind = Failure::Kind::kRequestSeen;
      answer.request = std::get<PutRequest>(batch_.ops[origin.op]);
      answer.request->hash = ToBytes(failure.observed[0]);
      answer.request->answer = ToBytes(failure.observed[1]);
      return answer;
    default:
      return answer;
  }
}

Failure Plan::see_row(Failure failure, batch::Row observed) const {
  const ResourceKey* key = KeyOf(batch_.ops[failure.op]);
  HF_CHECK(key != nullptr);
  if (!observed.empty()) failure.row = ToRow(*key, observed, 0, Fields::kShadow);
  return failure;
}

Failure Plan::see_claim(Failure failure, batch::Row observed) const {
  const ClaimKey* key = ClaimKeyOf(batch_.ops[failure.op]);
  HF_CHECK(key != nullptr);
  if (!observed.empty()) failure.claim = ToClaim(*key, observed, 0);
  return failure;
}

Failure Plan::see_hold(Failure failure, batch::Row observed) const {
  if (observed.empty()) return failure;  // gone between the check and the look
  ClaimKey key{.type = static_cast<ClaimType>(ToNumber(observed[0])),
               .target = std::get<RequireUnheld>(batch_.ops[failure.op]).key,
               .holder = ToText(std::move(observed[1]))};
  failure.claim = ToClaim(std::move(key), observed, 2);
  return failure;
}

// SQLite's rows refuse a use below zero by a constraint, others by not being found.
Failure Plan::see_limit(Failure failure, const batch::Failure& from) const {
  const bool refused = from.failure_class == batch::FailureClass::kRowCount ||
                       from.failure_class == batch::FailureClass::kConstraint;
  if (!refused || from.observed.size() != 2) return failure;
  const auto& op = std::get<TakeLimit>(batch_.ops[failure.op]);
  failure.limit = LimitRow{
      .key = op.key, .used = ToNumber(from.observed[0]), .max = ToNumber(from.observed[1])};
  const bool below = failure.limit->used + op.n < 0;
  failure.kind = below ? Failure::Kind::kBug : Failure::Kind::kLimit;
  failure.message = below ? "a limit's use below zero" : "";
  return failure;
}

Failure Plan::see_unique(Failure failure, uint32_t part) const {
  const Op& op = batch_.ops[failure.op];
  const auto* create = std::get_if<CreateRow>(&op);
  failure.kind = Failure::Kind::kUnique;
  failure.unique =
      create != nullptr ? create->unique[part] : std::get<UpdateRow>(op).added_unique[part];
  return failure;
}

Failure Plan::see_inbound(Failure failure, batch::Row observed) const {
  if (observed.empty()) return failure;  // gone between the check and the look
  Edge edge;
  edge.target = std::get<RequireNoInbound>(batch_.ops[failure.op]).key;
  edge.source.kind = KindName(ToText(std::move(observed[0])));
  edge.source.name = ResourceName(ToText(std::move(observed[1])));
  edge.field = ToText(std::move(observed[2]));
  edge.behavior = static_cast<OnDelete>(ToNumber(observed[3]));
  failure.edge = std::move(edge);
  return failure;
}

Failure Plan::see_child(Failure failure, uint32_t part, batch::Row observed) const {
  if (observed.empty()) return failure;
  const auto& op = std::get<RequireNoChildren>(batch_.ops[failure.op]);
  failure.child = ResourceKey{Sorted(op.kinds)[part], ResourceName(ToText(std::move(observed[0])))};
  return failure;
}

}  // namespace holdfast::storage::sql
