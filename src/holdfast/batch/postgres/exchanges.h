// What is sent: a batch, or some queries, as exchanges that claim a share of a session of the pool,
// and that a coroutine waits for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/batch/batch.h"
#include "holdfast/batch/postgres/connection.h"
#include "holdfast/batch/postgres/pool.h"
#include "holdfast/batch/postgres/statement_cache.h"
#include "holdfast/batch/postgres/values.h"
#include "holdfast/env/env.h"
#include "holdfast/env/waiter.h"

namespace holdfast::batch::postgres {

// An exchange of which one coroutine awaits the end, again for each attempt.
class Run : public Exchange, public Claim, public std::enable_shared_from_this<Run> {
 public:
  // Over a session of the pool.
  static Task<void> Once(std::shared_ptr<Run> self, std::shared_ptr<Pool> pool);
  // Over this one, which the caller has a share of.
  static Task<void> Over(std::shared_ptr<Run> self, std::shared_ptr<Connection> connection);

  // After the end: nullopt if the server has answered. What the database said to each command is
  // the derived classes' matter.
  [[nodiscard]] const std::optional<Failure>& trouble() const { return trouble_; }

  // The pool had no session for it.
  [[nodiscard]] bool was_refused() const { return was_refused_; }

  void granted(const std::shared_ptr<Connection>& connection) override;
  void refused(const std::string& why) override;
  void on_end(End end, const std::string& lost) override;

 private:
  void resume(internal::Waiter::Where where);

  std::shared_ptr<Pool> pool_;  // shared: the database may be closed meanwhile
  std::shared_ptr<Connection> connection_;
  std::optional<Failure> trouble_;
  bool was_refused_ = false;
  std::optional<internal::Waiter> waiter_;
};

// Appends the result's rows, by its statement's shape; `positions` gets those of a kPositioned one.
void ReadRows(const pg_result* result, ResultShape shape, std::vector<Row>& rows,
              std::vector<int64_t>* positions);

class BatchRun final : public Run {
 public:
  BatchRun(Batch batch, PostgresOptions::Transactions transactions);

  // Finds the statements. A failure: this batch can't be sent at all.
  [[nodiscard]] std::optional<Failure> prepare(StatementCache& cache);
  // Before another attempt. `key_attempt`: see idempotency.h.
  void reset(int64_t key_attempt);

  [[nodiscard]] const Batch& batch() const { return batch_; }
  // What the server said; nullopt: nothing against it.
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  // Its idempotency key is there already.
  [[nodiscard]] bool key_taken() const { return key_taken_; }
  [[nodiscard]] bool rehearsed() const { return rehearsed_; }
  [[nodiscard]] std::vector<std::vector<Row>> take_rows() { return std::move(rows_); }

  void send(Connection& connection) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
  void on_result(size_t command, const pg_result* result) override;
  void on_error(size_t command, const ServerError& error) override;

 private:
  enum class What : uint8_t { kOwn, kKey, kStep, kCommit };
  struct Command {
    What what = What::kOwn;
    uint32_t step = 0;
    uint32_t execution = 0;
  };

  void send_key(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
  void send_step(Connection& connection, uint32_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
  void send_own(Connection& connection, What what, const char* sql)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

  const Batch batch_;
  const PostgresOptions::Transactions transactions_;
  int64_t key_attempt_ = 0;
  std::vector<std::shared_ptr<const Statement>> statements_;  // by step; shared with the cache
  std::shared_ptr<const Statement> key_statement_;
  Parameters parameters_;
  std::vector<Command> commands_;
  std::vector<std::vector<Row>> rows_;
  std::optional<Failure> failure_;
  bool key_taken_ = false;
  bool rehearsed_ = false;
};

// Queries in one transaction. Their texts and values are the caller's, until the end.
class QueryRun final : public Run {
 public:
  struct Query {
    std::shared_ptr<const Statement> statement;  // null: `text`, which isn't kept prepared
    std::string text;
    const Row* binds = nullptr;
  };
  explicit QueryRun(std::vector<Query> queries)
      : queries_(std::move(queries)), rows_(queries_.size()) {}

  // Of the connection or of the first query that failed; nullopt: all went well. Failure::step is
  // the query.
  [[nodiscard]] std::optional<Failure> failure() const { return trouble() ? trouble() : failure_; }
  [[nodiscard]] std::vector<std::vector<Row>>& rows() { return rows_; }

  void send(Connection& connection) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());
  void on_result(size_t command, const pg_result* result) override;
  void on_error(size_t command, const ServerError& error) override;

 private:
  const std::vector<Query> queries_;
  Parameters parameters_;
  std::vector<std::vector<Row>> rows_;
  std::optional<Failure> failure_;
};

}  // namespace holdfast::batch::postgres
