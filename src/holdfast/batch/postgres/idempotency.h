// Keys by which the outcome of a batch is found out after its answer was lost.
//
// A batch with a key inserts (key, attempt, 'committed', hash, answer) in its own transaction, as
// its first statement. Who lost the answer inserts the same (key, attempt) as 'fenced', which waits
// for a transaction that is still at it, and then looks which of the two is there: 'committed',
// with the stored answer, or 'fenced', and then that attempt can never commit any more: the batch
// may be sent again as the next attempt. A key is committed at most once, since attempt n + 1 is
// sent only by who has seen attempt n fenced.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "holdfast/batch/batch.h"
#include "holdfast/batch/postgres/exchanges.h"
#include "holdfast/batch/postgres/pool.h"
#include "holdfast/batch/postgres/statement_cache.h"

namespace holdfast::batch::postgres {

inline constexpr std::string_view kInsertKey =
    "INSERT INTO holdfast_batch.idempotency (key, attempt, state, request_hash, answer) "
    "VALUES ($1, $2, 'committed', $3, $4)";

// $1: keys made before, in microseconds since 1970; $2: so many at most. Returns a row each.
inline constexpr std::string_view kForgetKeys =
    "DELETE FROM holdfast_batch.idempotency WHERE (key, attempt) IN (SELECT key, attempt "
    "FROM holdfast_batch.idempotency WHERE made < to_timestamp($1::float8 / 1000000) "
    "ORDER BY made LIMIT $2::bigint) RETURNING 1";

[[nodiscard]] Row KeyBinds(const Batch::Idempotency& own, int64_t attempt);

// What is known of a key.
struct KeyState {
  enum class What {
    kAbsent,     // no attempt of it is there
    kCommitted,  // `answer`
    kFenced,     // attempts up to `attempt` can't commit
    kOther,      // it was used with another request hash
  } what = What::kAbsent;
  int64_t attempt = 0;
  std::string answer;
};

// nullopt: the database didn't answer.
Task<std::optional<KeyState>> LookUpKey(std::shared_ptr<Pool> pool, StatementCache& statements,
                                        Batch::Idempotency own);

// Fences the attempt, or finds that it is there.
Task<std::optional<KeyState>> FenceKey(std::shared_ptr<Pool> pool, StatementCache& statements,
                                       Batch::Idempotency own, int64_t attempt);

}  // namespace holdfast::batch::postgres
