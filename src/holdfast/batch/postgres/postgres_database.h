// batch::Database over PostgreSQL 14 or later, in libpq's pipeline mode.
//
//   absl::StatusOr<std::unique_ptr<PostgresDatabase>> db =
//       co_await OpenPostgres(env, {.dsn = "host=/run/postgresql dbname=shop"});
//
// A batch is one round trip: its statements go out together with one Sync, which makes them one
// transaction; its expectations are enforced within the database (statement.h). No thread is
// blocked by a batch. What this promises beyond database.h:
//
// - Lost against others (40001, 40P01): sent again after a random pause, within bounds, then
//   kRetryable.
// - The connection is lost: a batch that certainly wasn't committed is sent again, within the same
//   bounds, then kUnavailable. One that may have been is kAmbiguous, or, with an idempotency key,
//   found out: a committed one is Outcome::resolved(), another is sent again.
// - With several hosts the one that takes writes is found again after a failover.
// - Step::observe, where a constraint failed, sees the database after the batch was undone: a
//   transaction that has failed in PostgreSQL answers nothing more. With a set it isn't asked.
// - What was observed comes as integers, doubles and texts; a boolean as 0 or 1, a bytea as text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/batch/database.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/env/env.h"

namespace holdfast::batch {

// Thread-safe. What is in flight when it goes ends as kUnavailable or kAmbiguous; snapshots may be
// given back later.
class PostgresDatabase final : public Database {
 public:
  class Core;
  explicit PostgresDatabase(std::shared_ptr<Core> core);
  ~PostgresDatabase() override;

  Task<Outcome> commit(Batch batch) override;
  Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> snapshot() override;

  // For setting up a database: the statements, in one READ COMMITTED transaction, one such script
  // at a time in the whole database (an advisory lock). The rows of each.
  [[nodiscard]] Task<absl::StatusOr<std::vector<std::vector<Row>>>> run_script(
      std::vector<std::string> statements);
  // The same with one text, its statements ended by semicolons.
  [[nodiscard]] Task<absl::StatusOr<std::vector<std::vector<Row>>>> run_script(std::string script);

  // Forgets idempotency keys made before `before`, `limit` at most; says how many. A batch of which
  // a key is forgotten may happen again: keep them longer than any client tries.
  [[nodiscard]] Task<absl::StatusOr<int64_t>> forget_keys(Timestamp before, int64_t limit);

  [[nodiscard]] const PostgresStats& stats() const;

 private:
  const std::shared_ptr<Core> core_;  // shared with commits that outlive this
};

// Connects, makes the driver's own functions and tables if they aren't there (schema
// "holdfast_batch"), and answers when it is usable.
// UNAVAILABLE: the server can't be reached, or none of the hosts takes writes.
// INVALID_ARGUMENT: the connection string isn't one. FAILED_PRECONDITION: the database was set up
// by a newer version, or has synchronous_commit off.
[[nodiscard]] Task<absl::StatusOr<std::unique_ptr<PostgresDatabase>>> OpenPostgres(
    Env& env, PostgresOptions options);

}  // namespace holdfast::batch
