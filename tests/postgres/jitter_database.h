// A database whose transactions dawdle: between any two statements of a batch, by chance, so that
// others come between. What races must not depend on.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/mutex.h"
#include "holdfast/batch/database.h"

namespace holdfast::batch {

class JitterDatabase final : public Database {
 public:
  JitterDatabase(std::unique_ptr<Database> inner, uint64_t seed)
      : inner_(std::move(inner)), random_(seed) {}

  Task<Outcome> commit(Batch batch) override {
    Batch slow(batch.label());
    slow.set_mode(batch.mode());
    std::vector<size_t> steps;  // where each step has gone
    for (const Step& step : batch.steps()) {
      if (draw() % 2 == 0) {
        slow.add(Step{.label = "dawdle",
                      .sql = "SELECT pg_sleep($1::float8)",
                      .binds = {{static_cast<double>(draw() % 4) / 1000}}});
      }
      steps.push_back(slow.add(step).index);
    }
    const Outcome outcome = co_await inner_->commit(std::move(slow));
    if (outcome.ok()) {
      std::vector<std::vector<Row>> rows;
      for (const size_t step : steps) rows.push_back(outcome.rows({step}));
      co_return Outcome::Committed(std::move(rows));
    }
    Failure failure = *outcome.failure();
    size_t own = 0;
    while (own < steps.size() && steps[own] < failure.step) ++own;
    failure.step = own;
    co_return Outcome::Failed(batch, std::move(failure));
  }

  Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> snapshot() override {
    return inner_->snapshot();
  }

 private:
  uint64_t draw() {
    const MutexLock lock(mutex_);
    return random_();
  }

  const std::unique_ptr<Database> inner_;
  Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::batch
