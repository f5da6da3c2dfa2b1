#include "holdfast/batch/postgres/exchanges.h"

#include <libpq-fe.h>

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <numeric>
#include <utility>

#include "holdfast/batch/postgres/idempotency.h"

namespace holdfast::batch::postgres {
namespace {

using boost::asio::use_awaitable;
using boost::asio::use_awaitable_t;
using internal::Waiter;

// The protocol counts parameters in 16 bits.
constexpr size_t kMaxParameters = 65535;

Value ReadField(const pg_result* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return Null{};
  const auto size = static_cast<size_t>(PQgetlength(result, row, column));
  return ReadValue({PQgetvalue(result, row, column), size}, PQftype(result, column));
}

int64_t ReadNumber(const pg_result* result, int row, int column) {
  const Value value = ReadField(result, row, column);
  const auto* number = std::get_if<int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

// By the positions of their bind rows, keeping the order of those with the same.
void SortByPosition(std::vector<Row>& rows, const std::vector<int64_t>& positions) {
  if (std::is_sorted(positions.begin(), positions.end())) return;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return positions[a] < positions[b]; });
  std::vector<Row> sorted;
  sorted.reserve(rows.size());
  for (const size_t i : order) sorted.push_back(std::move(rows[i]));
  rows = std::move(sorted);
}

Failure Refusal(std::string message) {
  Failure failure;
  failure.failure_class = FailureClass::kBug;
  failure.message = std::move(message);
  return failure;
}

// PostgreSQL's text holds no NUL, and libpq would end there.
bool HasNul(const std::vector<Row>& binds) {
  for (const Row& row : binds) {
    for (const Value& value : row) {
      const auto* text = std::get_if<std::string>(&value);
      if (text != nullptr && text->find('\0') != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace

// --- waiting ------------------------------------------------------------------------------------

Task<void> Run::Once(std::shared_ptr<Run> self, std::shared_ptr<Pool> pool) {
  self->pool_ = pool;
  return boost::asio::async_initiate<const use_awaitable_t<>&, void()>(
      [self, pool](auto handler) {
        // Another thread may resume the coroutine, and end this closure, at any time from here on.
        const std::shared_ptr<Run> run = self;
        const std::shared_ptr<Pool> from = pool;
        run->waiter_ = Waiter::Of(std::move(handler));
        from->acquire(run);
      },
      use_awaitable);
}

Task<void> Run::Over(std::shared_ptr<Run> self, std::shared_ptr<Connection> connection) {
  self->pool_ = nullptr;
  return boost::asio::async_initiate<const use_awaitable_t<>&, void()>(
      [self, connection](auto handler) {
        const std::shared_ptr<Run> run = self;
        const std::shared_ptr<Connection> over = connection;
        run->waiter_ = Waiter::Of(std::move(handler));
        over->send(run);
      },
      use_awaitable);
}

void Run::granted(const std::shared_ptr<Connection>& connection) {
  connection_ = connection;
  const std::shared_ptr<Connection> over = connection;
  over->send(shared_from_this());
}

void Run::refused(const std::string& why) {
  trouble_.emplace();
  trouble_->failure_class = FailureClass::kUnavailable;
  trouble_->message = why;
  was_refused_ = true;
  resume(Waiter::Where::kPosted);
}

void Run::on_end(End end, const std::string& lost) {
  trouble_.reset();
  if (end != End::kAnswered) {
    trouble_.emplace();
    trouble_->failure_class =
        end == End::kUnknown ? FailureClass::kAmbiguous : FailureClass::kUnavailable;
    trouble_->message = lost;
  }
  const std::shared_ptr<Connection> used = std::exchange(connection_, nullptr);
  const std::shared_ptr<Pool> pool = std::exchange(pool_, nullptr);
  // First who waits for the session, then who waits for the answer.
  if (used != nullptr && pool != nullptr) pool->release(used);
  // What wasn't sent may be told to its own sender, who is still about it.
  resume(end == End::kAnswered ? Waiter::Where::kHere : Waiter::Where::kPosted);
}

void Run::resume(Waiter::Where where) {
  // The waiter goes with this object, which may go with the coroutine.
  const Waiter waiter = *waiter_;
  waiter.resume(where);
}

// --- results ------------------------------------------------------------------------------------

void ReadRows(const pg_result* result, ResultShape shape, std::vector<Row>& rows,
              std::vector<int64_t>* positions) {
  const int count = PQntuples(result);
  const int columns = PQnfields(result);
  const int first = shape == ResultShape::kPlain ? 0 : 1;
  if (columns < first) return;
  rows.reserve(rows.size() + static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    // The row that only carries the check.
    if (shape == ResultShape::kCounted && ReadNumber(result, i, 0) == 0) continue;
    if (shape == ResultShape::kPositioned && PQgetisnull(result, i, 0) != 0) continue;
    if (positions != nullptr) positions->push_back(ReadNumber(result, i, 0));
    Row& row = rows.emplace_back();
    row.reserve(static_cast<size_t>(columns - first));
    for (int column = first; column < columns; ++column) {
      row.push_back(ReadField(result, i, column));
    }
  }
}

// --- batches ------------------------------------------------------------------------------------

BatchRun::BatchRun(Batch batch, PostgresOptions::Transactions transactions)
    : batch_(std::move(batch)), transactions_(transactions) {}

std::optional<Failure> BatchRun::prepare(StatementCache& cache) {
  size_t commands = 4;
  statements_.reserve(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) {
    const Step& step = batch_.steps()[i];
    std::optional<Failure> refusal;
    auto statement = cache.get(step);
    const size_t columns = step.binds.empty() ? 0 : step.binds.front().size();
    if (!statement.ok()) {
      refusal = Refusal(std::string(statement.status().message()));
    } else if (columns >= kMaxParameters) {
      refusal = Refusal("too many parameters");
    } else if (HasNul(step.binds)) {
      refusal = Refusal("a text with a NUL byte");
      refusal->sqlstate = "22021";  // as the server would call it
    }
    if (refusal.has_value()) {
      refusal->step = i;
      return refusal;
    }
    statements_.push_back(*std::move(statement));
    commands += step.takes == Step::Takes::kSet ? 1 : std::max<size_t>(step.binds.size(), 1);
  }
  if (batch_.idempotency().key.find('\0') != std::string::npos) {
    std::optional<Failure> refusal = Refusal("an idempotency key with a NUL byte");
    refusal->step = batch_.size();
    return refusal;
  }
  if (!batch_.idempotency().key.empty()) key_statement_ = cache.get(kInsertKey);
  commands_.reserve(commands);
  reset(0);
  return std::nullopt;
}

void BatchRun::reset(int64_t key_attempt) {
  key_attempt_ = key_attempt;
  commands_.clear();
  rows_.assign(batch_.size(), {});
  failure_.reset();
  key_taken_ = false;
}

void BatchRun::send_own(Connection& connection, What what, const char* sql) {
  connection.execute_text(sql);
  commands_.push_back({what, 0, 0});
}

void BatchRun::send(Connection& connection) {
  const bool begin = transactions_ == PostgresOptions::Transactions::kExplicit;
  const bool rehearsal = batch_.mode() == Batch::Mode::kRehearse;
  if (begin) send_own(connection, What::kOwn, "BEGIN");
  if (key_statement_ != nullptr && !rehearsal) send_key(connection);
  for (uint32_t i = 0; i < batch_.size(); ++i) send_step(connection, i);
  if (rehearsal) {
    // What would fail at the commit shall fail now.
    send_own(connection, What::kCommit, "SET CONSTRAINTS ALL IMMEDIATE");
    send_own(connection, What::kCommit, begin ? "ROLLBACK" : "SELECT holdfast_batch.rehearsed()");
  } else if (begin) {
    send_own(connection, What::kCommit, "COMMIT");
  }
}

void BatchRun::send_key(Connection& connection) {
  const Batch::Idempotency& own = batch_.idempotency();
  const Row binds = KeyBinds(own, key_attempt_);
  parameters_.clear();
  for (const Value& value : binds) (void)parameters_.add(value);
  connection.execute(*key_statement_, parameters_);
  commands_.push_back({What::kKey, 0, 0});
}

void BatchRun::send_step(Connection& connection, uint32_t index) {
  const Step& step = batch_.steps()[index];
  const Statement& statement = *statements_[index];
  if (step.takes == Step::Takes::kSet) {
    if (step.binds.empty()) return;
    parameters_.clear();
    for (size_t k = 0; k < step.binds.front().size(); ++k) {
      (void)parameters_.add_column(step.binds, k);  // prepare() has looked for NULs
    }
    if (step.expect.what != Expect::What::kAnything) {
      parameters_.add_number(static_cast<int64_t>(step.binds.size()));
    }
    connection.execute(statement, parameters_);
    commands_.push_back({What::kStep, index, 0});
    return;
  }
  const size_t executions = std::max<size_t>(step.binds.size(), 1);
  for (size_t i = 0; i < executions; ++i) {
    parameters_.clear();
    if (!step.binds.empty()) {
      for (const Value& value : step.binds[i]) (void)parameters_.add(value);
    }
    connection.execute(statement, parameters_);
    commands_.push_back({What::kStep, index, static_cast<uint32_t>(i)});
  }
}

void BatchRun::on_result(size_t command, const pg_result* result) {
  const Command& done = commands_[command];
  if (done.what != What::kStep || PQntuples(result) == 0) return;
  const ResultShape shape = statements_[done.step]->shape;
  std::vector<Row>& rows = rows_[done.step];
  if (shape != ResultShape::kPositioned) return ReadRows(result, shape, rows, nullptr);
  std::vector<int64_t> positions;
  ReadRows(result, shape, rows, &positions);
  SortByPosition(rows, positions);
}

void BatchRun::on_error(size_t command, const ServerError& error) {
  const Command failed = command < commands_.size() ? commands_[command] : Command{What::kCommit};
  if (error.sqlstate == kRehearsed && failed.what == What::kCommit) return;  // as it shall be
  if (failed.what == What::kKey && error.sqlstate == "23505") {
    key_taken_ = true;
    return;
  }
  const bool of_step = failed.what == What::kStep;
  const Step* step = of_step ? &batch_.steps()[failed.step] : nullptr;
  failure_ = Classify(error, step);
  failure_->step = of_step ? failed.step : batch_.size();
  if (of_step && step->takes == Step::Takes::kEach) failure_->execution = failed.execution;
}

// --- queries ------------------------------------------------------------------------------------

void QueryRun::send(Connection& connection) {
  failure_.reset();
  for (const Query& query : queries_) {
    if (query.statement == nullptr) {
      connection.execute_text(query.text.c_str());
      continue;
    }
    parameters_.clear();
    bool fits = true;
    if (query.binds != nullptr) {
      for (const Value& value : *query.binds) fits = parameters_.add(value) && fits;
    }
    if (!fits && !failure_.has_value()) failure_ = Refusal("a text with a NUL byte");
    connection.execute(*query.statement, parameters_);
  }
}

void QueryRun::on_result(size_t command, const pg_result* result) {
  ReadRows(result, ResultShape::kPlain, rows_[command], nullptr);
}

void QueryRun::on_error(size_t command, const ServerError& error) {
  if (failure_.has_value()) return;
  failure_ = Classify(error, nullptr);
  failure_->step = std::min(command, queries_.size());
}

}  // namespace holdfast::batch::postgres
