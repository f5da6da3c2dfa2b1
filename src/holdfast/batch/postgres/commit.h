// A batch until its outcome is known: attempts, pauses between them, and what to do when an answer
// is lost.
#pragma once

#include <memory>

#include "holdfast/batch/batch.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/batch/postgres/pool.h"
#include "holdfast/batch/postgres/statement_cache.h"
#include "holdfast/env/env.h"

namespace holdfast::batch::postgres {

// Shared by a database and the commits under way, which may outlive it.
struct CommitContext {
  Env& env;
  const PostgresOptions options;
  const std::shared_ptr<PostgresStats> stats;
  const std::shared_ptr<Pool> pool;
  StatementCache& statements;
};

Task<Outcome> Commit(std::shared_ptr<CommitContext> context, Batch batch);

}  // namespace holdfast::batch::postgres
