#include "holdfast/batch/postgres/commit.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "holdfast/batch/postgres/exchanges.h"
#include "holdfast/batch/postgres/idempotency.h"

namespace holdfast::batch::postgres {
namespace {

// Pauses double from the first up to the longest; half of each is by chance, so that those who lost
// against each other don't meet again.
constexpr Duration kFirstPause = Milliseconds(2);
constexpr Duration kLongestPause = Milliseconds(250);

class Retries {
 public:
  Retries(Env& env, int max_attempts, Duration max_time)
      : env_(env), left_(max_attempts), end_(env.clock().monotonic().value() + max_time.value()) {}

  // How long to wait before the next attempt; nullopt: it was the last one.
  [[nodiscard]] std::optional<Duration> next() {
    if (--left_ <= 0) return std::nullopt;
    const auto half = static_cast<uint64_t>(pause_.value() / 2);
    const uint64_t draw = env_.random().next();
    const Duration pause(static_cast<int64_t>(half + draw % (half + 1)));
    pause_ = std::min(Duration(pause_.value() * 2), kLongestPause);
    if (env_.clock().monotonic().value() + pause.value() > end_) return std::nullopt;
    return pause;
  }

 private:
  Env& env_;
  int left_;
  const int64_t end_;
  Duration pause_ = kFirstPause;
};

Outcome FailedAtCommit(const Batch& batch, Failure failure) {
  failure.step = batch.size();
  return Outcome::Failed(batch, std::move(failure));
}

// What an attempt has come to.
struct Verdict {
  std::optional<Outcome> outcome;  // nullopt: not done, and it may be sent again
  Failure failure;                 // why not done
  int64_t key_attempt = 0;         // of the next one
};

Outcome OutcomeOfKey(const Batch& batch, const KeyState& state) {
  if (state.what == KeyState::What::kCommitted) return Outcome::Resolved(batch, state.answer);
  Failure failure;
  failure.failure_class = FailureClass::kGuard;
  failure.constraint = kIdempotencyGuard;
  failure.message = "the key was used with another request";
  return FailedAtCommit(batch, std::move(failure));
}

bool IsSettled(const KeyState& state) {
  return state.what == KeyState::What::kCommitted || state.what == KeyState::What::kOther;
}

// The answer was lost: fences the attempt, or finds that it has committed.
Task<Verdict> Resolve(std::shared_ptr<CommitContext> context, const Batch& batch, Failure lost,
                      int64_t key_attempt) {
  Verdict verdict;
  verdict.failure = lost;
  constexpr int kAnyNumber = 1 << 20;
  Retries retries(context->env, kAnyNumber, context->options.resolve_timeout);
  for (;;) {
    const std::optional<KeyState> state =
        co_await FenceKey(context->pool, context->statements, batch.idempotency(), key_attempt);
    if (state.has_value() && IsSettled(*state)) {
      ++context->stats->resolved;
      verdict.outcome = OutcomeOfKey(batch, *state);
      co_return verdict;
    }
    if (state.has_value() && state->what == KeyState::What::kFenced) {
      ++context->stats->resolved;
      verdict.failure.failure_class = FailureClass::kUnavailable;
      verdict.key_attempt = state->attempt + 1;
      co_return verdict;
    }
    const std::optional<Duration> pause = retries.next();
    if (!pause.has_value()) break;
    co_await context->env.sleep(*pause);
  }
  verdict.outcome = Outcome::Failed(batch, std::move(lost));
  co_return verdict;
}

// Somebody has used the key before, or still did when this attempt came.
Task<Verdict> LookAtKey(std::shared_ptr<CommitContext> context, const Batch& batch,
                        int64_t key_attempt) {
  Verdict verdict;
  verdict.failure.failure_class = FailureClass::kRetryable;
  verdict.failure.step = batch.size();
  verdict.failure.message = "another attempt with the same key was under way";
  verdict.key_attempt = key_attempt;
  const std::optional<KeyState> state =
      co_await LookUpKey(context->pool, context->statements, batch.idempotency());
  if (!state.has_value()) co_return verdict;
  if (IsSettled(*state)) verdict.outcome = OutcomeOfKey(batch, *state);
  if (state->what == KeyState::What::kFenced) verdict.key_attempt = state->attempt + 1;
  co_return verdict;
}

// Where a constraint failed the transaction answers nothing more: asked afterwards.
Task<void> Observe(std::shared_ptr<CommitContext> context, const Batch& batch, Failure& failure) {
  if (failure.failure_class != FailureClass::kConstraint || failure.step >= batch.size()) co_return;
  const Step& step = batch.steps()[failure.step];
  if (step.observe.empty() || step.takes == Step::Takes::kSet) co_return;
  std::vector<QueryRun::Query> queries;
  const Row* binds = step.binds.empty() ? nullptr : &step.binds[failure.execution];
  const size_t parameters = binds == nullptr ? 0 : binds->size();
  queries.push_back({context->statements.get(AskAlone(step.observe, parameters)), "", binds});
  const auto run = std::make_shared<QueryRun>(std::move(queries));
  co_await Run::Once(run, context->pool);
  if (!run->failure().has_value() && !run->rows()[0].empty()) {
    failure.observed = std::move(run->rows()[0][0]);
  }
}

// What the server said of the batch.
Task<Verdict> Judge(std::shared_ptr<CommitContext> context, BatchRun& run, int64_t key_attempt) {
  const Batch& batch = run.batch();
  Verdict verdict;
  verdict.key_attempt = key_attempt;
  if (run.trouble().has_value()) {
    verdict.failure = *run.trouble();
    verdict.failure.step = batch.size();
    if (verdict.failure.failure_class != FailureClass::kAmbiguous) co_return verdict;
    ++context->stats->ambiguous;
    if (batch.mode() == Batch::Mode::kRehearse) {
      // It commits nothing, whatever has become of it.
      verdict.failure.failure_class = FailureClass::kUnavailable;
      co_return verdict;
    }
    if (!batch.idempotency().key.empty()) {
      co_return co_await Resolve(context, batch, verdict.failure, key_attempt);
    }
    verdict.outcome = Outcome::Failed(batch, verdict.failure);
    co_return verdict;
  }
  if (run.key_taken()) co_return co_await LookAtKey(context, batch, key_attempt);
  Failure failure = *run.failure();
  const bool again = failure.failure_class == FailureClass::kRetryable ||
                     failure.failure_class == FailureClass::kUnavailable;
  if (again) {
    verdict.failure = std::move(failure);
    co_return verdict;
  }
  co_await Observe(context, batch, failure);
  verdict.outcome = Outcome::Failed(batch, std::move(failure));
  co_return verdict;
}

}  // namespace

Task<Outcome> Commit(std::shared_ptr<CommitContext> context, Batch batch) {
  // Shared with the pool and the session: this coroutine may be dropped while it waits.
  const auto run = std::make_shared<BatchRun>(std::move(batch), context->options.transactions);
  if (std::optional<Failure> refusal = run->prepare(context->statements)) {
    co_return Outcome::Failed(run->batch(), *std::move(refusal));
  }
  std::optional<Retries> retries;
  int64_t key_attempt = 0;
  for (;;) {
    ++context->stats->attempts;
    co_await Run::Once(run, context->pool);
    if (!run->trouble().has_value() && !run->failure().has_value() && !run->key_taken()) {
      co_return Outcome::Committed(run->take_rows());
    }
    Verdict verdict = co_await Judge(context, *run, key_attempt);
    if (verdict.outcome.has_value()) co_return *std::move(verdict.outcome);
    if (!retries.has_value()) {
      retries.emplace(context->env, context->options.max_attempts, context->options.max_retry_time);
    }
    const std::optional<Duration> pause = retries->next();
    if (!pause.has_value() || run->was_refused()) {
      co_return Outcome::Failed(run->batch(), std::move(verdict.failure));
    }
    ++context->stats->retries;
    co_await context->env.sleep(*pause);
    key_attempt = verdict.key_attempt;
    run->reset(key_attempt);
  }
}

}  // namespace holdfast::batch::postgres
