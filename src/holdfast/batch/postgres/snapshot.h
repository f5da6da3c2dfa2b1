// Reads of one state: a REPEATABLE READ, READ ONLY transaction on a session of its own.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "holdfast/batch/database.h"
#include "holdfast/batch/postgres/pool.h"
#include "holdfast/batch/postgres/statement_cache.h"
#include "holdfast/env/env.h"

namespace holdfast::batch::postgres {

// What snapshots share with the database, which may be closed before they are given back.
struct SnapshotSource {
  Env& env;
  std::shared_ptr<Pool> pool;
  std::shared_ptr<StatementCache> statements;
  Duration max_idle;
  Duration max_life;
};

// Waits for a session if all are in use. The transaction begins with the first query, and so does
// the state that is read.
Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> TakeSnapshot(SnapshotSource source);

}  // namespace holdfast::batch::postgres
