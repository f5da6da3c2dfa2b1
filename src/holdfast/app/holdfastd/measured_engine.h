// An engine whose commits are timed, for /metrics: what a call spends in the database, seen from
// here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/env/env.h"
#include "holdfast/server/metrics.h"
#include "holdfast/storage/engine.h"

namespace holdfast::app {

class MeasuredEngine final : public storage::Engine {
 public:
  // `env` outlives the engine.
  MeasuredEngine(Env& env, std::unique_ptr<storage::Engine> engine)
      : env_(env), engine_(std::move(engine)) {}

  // From the call of commit() to its answer, failures too.
  [[nodiscard]] const std::shared_ptr<server::Histogram>& commits() const { return commits_; }

  [[nodiscard]] const std::string& incarnation() const override { return engine_->incarnation(); }
  [[nodiscard]] Writers writers() const override { return engine_->writers(); }
  Task<storage::Commit> commit(storage::Batch batch) override {
    const Duration start = env_.clock().monotonic();
    storage::Commit commit = co_await engine_->commit(std::move(batch));
    commits_->observe(Duration(env_.clock().monotonic().value() - start.value()));
    co_return commit;
  }
  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    return engine_->snapshot();
  }
  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    return engine_->purge(before, limit);
  }
  void on_commit(std::function<void(Revision)> listener) override {
    engine_->on_commit(std::move(listener));
  }

 private:
  Env& env_;
  std::unique_ptr<storage::Engine> engine_;
  // Shared with the metrics, which go before the last commits do.
  std::shared_ptr<server::Histogram> commits_ = std::make_shared<server::Histogram>();
};

}  // namespace holdfast::app
