// Group commit: several batches in one transaction, each in a savepoint of its own, one fsync for
// all. Runs on the writer's thread; knows nothing of queues.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "holdfast/batch/batch.h"
#include "holdfast/batch/sqlite/connection.h"

namespace holdfast::batch::sqlite {

// A batch on its way. `outcome` is set when the group that it was in has ended.
struct Member {
  const Batch* batch = nullptr;
  std::optional<Outcome> outcome;
};

class Group {
 public:
  // `full` is asked before each batch but the first: true ends the group there.
  Group(Connection& connection, const ConstraintNames& names, std::function<bool()> full)
      : connection_(connection), names_(names), full_(std::move(full)) {}

  // Runs the first batches of `members`, at least one, and commits them. Returns how many: these
  // have outcomes, and nothing of the others has happened.
  [[nodiscard]] size_t run(std::span<Member> members);

 private:
  // What one batch came to before the group's COMMIT.
  struct Result {
    std::vector<std::vector<Row>> rows;
    std::optional<Failure> failure;
  };

  enum class Isolation { kOwnTransaction, kSavepoint };
  Result run_batch(const Batch& batch, Isolation isolation);
  Result run_steps(const Batch& batch);
  std::optional<Failure> run_step(const Step& step, std::vector<Row>& rows);
  std::optional<Failure> check(const Step& step, const Row& binds, int64_t count,
                               const std::vector<Row>& rows);
  void observe(const Step& step, const Row& binds, Failure& failure);
  std::optional<Failure> begin();
  size_t commit(std::span<Member> members, std::vector<Result> results);
  size_t run_one_by_one(std::span<Member> members);
  // Undoes the transaction if SQLite hasn't yet, and gives all of them this failure.
  void fail_all(std::span<Member> members, const Failure& failure);

  Connection& connection_;
  const ConstraintNames& names_;
  std::function<bool()> full_;
};

}  // namespace holdfast::batch::sqlite
