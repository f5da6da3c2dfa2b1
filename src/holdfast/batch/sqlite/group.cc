#include "holdfast/batch/sqlite/group.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::batch::sqlite {
namespace {

bool IsTrue(const Value& value) {
  const auto* number = std::get_if<int64_t>(&value);
  return number != nullptr && *number != 0;
}

bool Meets(const Expect& expect, int64_t count) {
  switch (expect.what) {
    case Expect::What::kAnything:
      return true;
    case Expect::What::kExactly:
    case Expect::What::kGuard:
      return count == expect.rows;
    case Expect::What::kAtLeast:
      return count >= expect.rows;
    case Expect::What::kAtMost:
      return count <= expect.rows;
  }
  return false;
}

// The database itself is in trouble (full, unreadable, out of memory): SQLite may already have
// rolled back everything, and what it did to the neighbours isn't to be trusted either.
bool IsFatal(const Failure& failure) { return failure.failure_class == FailureClass::kUnavailable; }

}  // namespace

size_t Group::run(std::span<Member> members) {
  if (std::optional<Failure> failure = begin()) {
    fail_all(members, *failure);
    return members.size();
  }
  const Isolation isolation =
      members.size() == 1 ? Isolation::kOwnTransaction : Isolation::kSavepoint;
  std::vector<Result> results;
  for (Member& member : members) {
    if (!results.empty() && full_()) break;
    results.push_back(run_batch(*member.batch, isolation));
    const std::optional<Failure>& failure = results.back().failure;
    const bool fatal = failure.has_value() && IsFatal(*failure);
    if (!fatal && connection_.in_transaction()) continue;
    Failure reason;
    reason.failure_class = FailureClass::kUnavailable;
    reason.message = "the transaction ended within a batch";
    if (fatal) reason = *failure;
    fail_all(members.first(results.size()), reason);
    return results.size();
  }
  const std::span<Member> ran = members.first(results.size());
  return commit(ran, std::move(results));
}

std::optional<Failure> Group::begin() {
  // IMMEDIATE: a transaction that begins by reading could find, when it writes, that another
  // process was faster.
  if (auto error = connection_.run_text("BEGIN IMMEDIATE")) return ClassifyError(*error, names_);
  return std::nullopt;
}

Group::Result Group::run_batch(const Batch& batch, Isolation isolation) {
  // A savepoint copies each page before its first change; alone in its group a batch needs none.
  if (isolation == Isolation::kOwnTransaction) return run_steps(batch);
  Result result;
  std::optional<Error> error = connection_.run_text("SAVEPOINT batch");
  if (!error.has_value()) {
    result = run_steps(batch);
    if (!connection_.in_transaction()) return result;
    const bool undo = result.failure.has_value() || batch.mode() == Batch::Mode::kRehearse;
    if (undo) error = connection_.run_text("ROLLBACK TO batch");
    if (!error.has_value()) error = connection_.run_text("RELEASE batch");
  }
  if (error.has_value()) {
    // What isn't undone must not be committed with the neighbours.
    result.failure = ClassifyError(*error, names_);
    result.failure->failure_class = FailureClass::kUnavailable;
    result.failure->step = batch.size();
  }
  return result;
}

Group::Result Group::run_steps(const Batch& batch) {
  Result result;
  result.rows.resize(batch.size());
  for (size_t i = 0; i < batch.size() && !result.failure.has_value(); ++i) {
    result.failure = run_step(batch.steps()[i], result.rows[i]);
    if (result.failure.has_value()) result.failure->step = i;
  }
  return result;
}

std::optional<Failure> Group::run_step(const Step& step, std::vector<Row>& rows) {
  if (step.takes == Step::Takes::kSet) {
    Failure failure;
    failure.message = "SQLite has no arrays: a step must take its binds one by one";
    return failure;
  }
  Statement* statement = nullptr;
  if (auto error = connection_.prepare(step.sql, statement)) return ClassifyError(*error, names_);
  static const Row kNoBinds;
  const size_t executions = step.binds.empty() ? 1 : step.binds.size();
  for (size_t i = 0; i < executions; ++i) {
    const Row& binds = step.binds.empty() ? kNoBinds : step.binds[i];
    Connection::Result result{.rows = &rows};
    std::optional<Failure> failure;
    if (auto error = connection_.run(*statement, binds, result)) {
      failure = ClassifyError(*error, names_);
      if (failure->failure_class == FailureClass::kConstraint) observe(step, binds, *failure);
    } else {
      failure = check(step, binds, result.count, rows);
    }
    if (failure.has_value()) {
      failure->execution = i;
      return failure;
    }
#ifdef HF_PLANT_HALF_BATCH
    // Never in the product: the bug that tests/e2e/kill_test.py must find to be worth anything.
    if (i + 1 == executions / 2) {
      (void)connection_.run_text("COMMIT");
      (void)connection_.run_text("BEGIN IMMEDIATE");
    }
#endif
  }
  return std::nullopt;
}

// `rows` ends with what this execution returned.
std::optional<Failure> Group::check(const Step& step, const Row& binds, int64_t count,
                                    const std::vector<Row>& rows) {
  const bool guard = step.expect.what == Expect::What::kGuard;
  const bool met = Meets(step.expect, count);
  if (guard && met && !rows.back().empty() && IsTrue(rows.back().front())) return std::nullopt;
  if (!guard && met) return std::nullopt;
  Failure failure;
  failure.failure_class = guard ? FailureClass::kGuard : FailureClass::kRowCount;
  failure.rows = count;
  if (guard) failure.constraint = step.guard_name;
  if (guard && count > 0 && !rows.back().empty()) {
    failure.observed.assign(rows.back().begin() + 1, rows.back().end());
  } else {
    observe(step, binds, failure);
  }
  return failure;
}

void Group::observe(const Step& step, const Row& binds, Failure& failure) {
  if (step.observe.empty()) return;
  Statement* statement = nullptr;
  std::vector<Row> rows;
  Connection::Result result{.rows = &rows};
  std::optional<Error> error = connection_.prepare(step.observe, statement);
  if (!error.has_value()) error = connection_.run(*statement, binds, result, 1);
  if (error.has_value()) {
    // Worse than what was to be explained by it.
    failure = ClassifyError(*error, names_);
    return;
  }
  if (!rows.empty()) failure.observed = std::move(rows.front());
}

size_t Group::commit(std::span<Member> members, std::vector<Result> results) {
  const bool alone = members.size() == 1;
  const bool undo = alone && (results[0].failure.has_value() ||
                              members[0].batch->mode() == Batch::Mode::kRehearse);
  if (auto error = connection_.run_text(undo ? "ROLLBACK" : "COMMIT")) {
    Failure failure = ClassifyError(*error, names_);
    // A deferred constraint of one of them. Which one is found by trying.
    const bool one_is_guilty = failure.failure_class == FailureClass::kConstraint && !alone;
    if (one_is_guilty) return run_one_by_one(members);
    // The commit record may be in the file, with only its fsync failed.
    const bool may_be_there = (error->code & 0xFF) == SQLITE_IOERR;
    if (may_be_there) failure.failure_class = FailureClass::kAmbiguous;
    fail_all(members, failure);
    return members.size();
  }
  for (size_t i = 0; i < members.size(); ++i) {
    const Batch& batch = *members[i].batch;
    members[i].outcome = results[i].failure.has_value()
                             ? Outcome::Failed(batch, std::move(*results[i].failure))
                             : Outcome::Committed(std::move(results[i].rows));
  }
  return members.size();
}

size_t Group::run_one_by_one(std::span<Member> members) {
  if (connection_.in_transaction()) (void)connection_.run_text("ROLLBACK");
  for (size_t i = 0; i < members.size(); ++i) (void)run(members.subspan(i, 1));
  return members.size();
}

void Group::fail_all(std::span<Member> members, const Failure& failure) {
  // If even this fails SQLite has rolled back, or the next BEGIN fails and says so.
  if (connection_.in_transaction()) (void)connection_.run_text("ROLLBACK");
  for (Member& member : members) {
    Failure own = failure;
    own.step = member.batch->size();
    member.outcome = Outcome::Failed(*member.batch, std::move(own));
  }
}

}  // namespace holdfast::batch::sqlite
