#include "holdfast/batch/postgres/idempotency.h"

#include <utility>
#include <vector>

namespace holdfast::batch::postgres {
namespace {

constexpr std::string_view kFence =
    "INSERT INTO holdfast_batch.idempotency (key, attempt, state, request_hash, answer) "
    "VALUES ($1, $2, 'fenced', $3, '') ON CONFLICT DO NOTHING";

constexpr std::string_view kLookUp =
    "SELECT attempt, state, request_hash, answer FROM holdfast_batch.idempotency "
    "WHERE key = $1 ORDER BY attempt DESC LIMIT 1";

KeyState Read(const Row& row, const Batch::Idempotency& own) {
  KeyState state;
  state.attempt = std::get<int64_t>(row[0]);
  const bool committed = std::get<std::string>(row[1]) == "committed";
  state.what = committed ? KeyState::What::kCommitted : KeyState::What::kFenced;
  if (std::get<Blob>(row[2]).bytes != own.request_hash) state.what = KeyState::What::kOther;
  state.answer = std::get<Blob>(row[3]).bytes;
  return state;
}

}  // namespace

Row KeyBinds(const Batch::Idempotency& own, int64_t attempt) {
  return {own.key, attempt, Blob{own.request_hash}, Blob{own.answer}};
}

Task<std::optional<KeyState>> LookUpKey(std::shared_ptr<Pool> pool, StatementCache& statements,
                                        Batch::Idempotency own) {
  const Row binds = {own.key};
  std::vector<QueryRun::Query> queries;
  queries.push_back({statements.get(kLookUp), "", &binds});
  const auto run = std::make_shared<QueryRun>(std::move(queries));
  co_await Run::Once(run, pool);
  if (run->failure().has_value()) co_return std::nullopt;
  const std::vector<Row>& rows = run->rows()[0];
  KeyState state;
  if (!rows.empty()) state = Read(rows[0], own);
  co_return state;
}

Task<std::optional<KeyState>> FenceKey(std::shared_ptr<Pool> pool, StatementCache& statements,
                                       Batch::Idempotency own, int64_t attempt) {
  const Row binds = {own.key, attempt, Blob{own.request_hash}};
  std::vector<QueryRun::Query> queries;
  queries.push_back({statements.get(kFence), "", &binds});
  const auto run = std::make_shared<QueryRun>(std::move(queries));
  co_await Run::Once(run, pool);
  if (run->failure().has_value()) co_return std::nullopt;
  // In a transaction of its own: at any isolation it sees what the insertion has waited for.
  co_return co_await LookUpKey(pool, statements, std::move(own));
}

}  // namespace holdfast::batch::postgres
