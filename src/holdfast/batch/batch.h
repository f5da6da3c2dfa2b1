// A whole transaction as a value: sent to the database in one round trip, done or not done as a
// whole, and it says which step failed and how. Knows nothing of resources; usable alone.
//
//   Batch batch("project.create");
//   StepHandle project = batch.add(InsertProject(p));
//   batch.add(TakeLimit("projects", org, 1));
//   batch.add("vpc.create", CreateVpcFragment(p));   // labels become a path: "vpc.create/subnet"
//   Outcome done = co_await db.commit(std::move(batch));
//   if (!done.ok()) return done.status();            // what the failing step says of its failure
//   done.rows(project)[0].text(0);                   // RETURNING
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace holdfast::batch {

struct Null {
  friend auto operator<=>(Null, Null) = default;
};
struct Blob {
  std::string bytes;
  friend auto operator<=>(const Blob&, const Blob&) = default;
};
// A typed bind parameter or result column.
using Value = std::variant<Null, int64_t, double, std::string, Blob>;
using Row = std::vector<Value>;

// The closed list of ways to fail.
enum class FailureClass {
  kConstraint,   // a unique, check, not-null or foreign-key constraint: which
  kGuard,        // a guard didn't hold: with what it observed
  kRowCount,     // an expectation on rows wasn't met: with the count
  kRetryable,    // serialization failure, deadlock, busy: nothing happened, send it again
  kAmbiguous,    // sent, and the answer is lost: it may have committed
  kUnavailable,  // not sent, or certainly not committed
  kBug,          // an error of the statement itself
};

struct Failure {
  FailureClass failure_class = FailureClass::kBug;
  size_t step = 0;         // index in the batch; Batch::size() is the pseudo-step `commit`: what
                           // fails before the first step, at the end, or as a whole
  size_t execution = 0;    // which of the step's bind rows
  std::string label;       // path: "project.create/vpc.create/subnet"
  std::string constraint;  // kConstraint: its name; kGuard: the guard's
  Row observed;            // kGuard: what the guard's row held after its first column; else the
                           // first row of Step::observe (empty if there was none)
  int64_t rows = 0;        // kRowCount: how many there were
  std::string sqlstate;    // PostgreSQL's, or SQLite's extended code as "SQLITE_BUSY"
  std::string message;     // the database's own words, for logs
};

// Which failure of a step is which status. Anything unmapped is INTERNAL with the label: a unique
// violation that nobody expected is a bug, not "already exists".
class ErrorMap {
 public:
  using Mapper = std::function<absl::Status(const Failure&)>;
  // `constraint`: as the driver names it. SQLite has no names for most of them; see
  // sqlite/constraint_names.h for what stands in.
  ErrorMap& on_constraint(std::string constraint, Mapper mapper);
  ErrorMap& on_guard(Mapper mapper);
  ErrorMap& on_row_count(Mapper mapper);
  [[nodiscard]] absl::Status map(const Failure& failure) const;

 private:
  std::map<std::string, Mapper> constraints_;
  Mapper guard_;
  Mapper row_count_;
};

// What each execution of a step's statement must yield, enforced inside the transaction.
struct Expect {
  enum class What { kAnything, kExactly, kAtLeast, kAtMost, kGuard };
  What what = What::kAnything;
  int64_t rows = 0;  // affected, or returned by a statement with RETURNING / a SELECT

  [[nodiscard]] static Expect Exactly(int64_t n) { return {What::kExactly, n}; }
  [[nodiscard]] static Expect AtLeast(int64_t n) { return {What::kAtLeast, n}; }
  [[nodiscard]] static Expect AtMost(int64_t n) { return {What::kAtMost, n}; }
  // One row whose first column is true; the other columns are what was observed.
  [[nodiscard]] static Expect Guard() { return {What::kGuard, 1}; }
};

// One statement, executed once for each row of `binds`, or once without parameters if there are
// none.
struct Step {
  std::string label;
  std::string sql;  // parameters $1 … $n
  std::vector<Row> binds;
  Expect expect;  // where the number can differ: a plain INSERT … VALUES makes its row or fails
  ErrorMap errors;
  std::string guard_name;  // Expect::Guard: its name in failures
  // A query with the same parameters for what a row count or a constraint alone doesn't tell. It
  // sees the transaction as the failed execution left it; its first row is Failure::observed.
  // Its parameters are those of one bind row, also with kSet. On PostgreSQL they come as text:
  // cast each ($1::bigint); and after a constraint it is asked when the batch has been undone,
  // after one in a set not at all.
  std::string observe;

  // How the statement takes `binds`.
  // kEach: once for each row.
  // kSet: once for all rows: $k is an array of column k. Where something is expected the statement
  //   returns, as the first column of each row, the position (from 1) of the bind row it is about;
  //   expectations, failures and returned rows (without that column) are each bind row's own. A
  //   guard returns (position, whether it holds, observed...) for each bind row. No rows: nothing
  //   is sent. A driver without arrays refuses it as kBug.
  enum class Takes { kEach, kSet } takes = Takes::kEach;
};

// Steps that belong together: what a function returns. Fragments nest.
class Fragment {
 public:
  Fragment() = default;
  Fragment(Step step) { add(std::move(step)); }  // NOLINT: one step is a fragment
  size_t add(Step step);                         // index within the fragment
  size_t add(std::string_view label, Fragment fragment);

 private:
  friend class Batch;
  std::vector<Step> steps_;
};

struct StepHandle {
  size_t index = 0;
};

class Batch {
 public:
  explicit Batch(std::string_view label) : label_(label) {}

  StepHandle add(Step step);
  // The handle of the fragment's first step.
  StepHandle add(std::string_view label, Fragment fragment);

  // A rehearsal runs everything and then undoes it: its outcome is what a commit's would have been.
  enum class Mode { kCommit, kRehearse };
  void set_mode(Mode mode) { mode_ = mode; }
  [[nodiscard]] Mode mode() const { return mode_; }

  // With a key the outcome of an ambiguous commit can be found out, and the same request never
  // happens twice: the key is stored by the batch itself. A batch whose key is there already does
  // nothing: with the same hash its outcome is resolved(), with another it is a failed guard named
  // kIdempotencyGuard. `answer` is given back by Outcome::answer(). A driver whose commits are
  // never ambiguous (SQLite) pays no attention to it.
  void set_idempotency_key(std::string key, std::string request_hash = "",
                           std::string answer = "") {
    idempotency_ = {std::move(key), std::move(request_hash), std::move(answer)};
  }
  struct Idempotency {
    std::string key;  // empty: none
    std::string request_hash;
    std::string answer;
  };

  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] size_t size() const { return steps_.size(); }
  [[nodiscard]] const Idempotency& idempotency() const { return idempotency_; }

 private:
  std::string label_;
  std::vector<Step> steps_;
  Idempotency idempotency_;
  Mode mode_ = Mode::kCommit;
};

// Failure::constraint of a batch whose idempotency key was used with another request hash.
inline constexpr std::string_view kIdempotencyGuard = "idempotency_key";

class Outcome {
 public:
  [[nodiscard]] static Outcome Committed(std::vector<std::vector<Row>> rows);
  // Committed, as its idempotency key tells: by an attempt whose rows are lost.
  [[nodiscard]] static Outcome Resolved(const Batch& batch, std::string answer);
  // Labels the failure, and maps it by the failing step's ErrorMap.
  [[nodiscard]] static Outcome Failed(const Batch& batch, Failure failure);

  [[nodiscard]] bool ok() const { return !failure_.has_value(); }
  [[nodiscard]] const absl::Status& status() const { return status_; }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  // What the step returned, over all its executions in order. Only if ok(); empty if resolved().
  [[nodiscard]] const std::vector<Row>& rows(StepHandle step) const;
  // Was it found committed by its idempotency key? Then answer() is what the batch that committed
  // gave with the key.
  [[nodiscard]] bool resolved() const { return answer_.has_value(); }
  [[nodiscard]] const std::string& answer() const;

 private:
  absl::Status status_;
  std::optional<Failure> failure_;
  std::vector<std::vector<Row>> rows_;
  std::optional<std::string> answer_;
};

}  // namespace holdfast::batch
