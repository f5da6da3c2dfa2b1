// A database that fails as databases do. Only for tests.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/env/event.h"
#include "holdfast/storage/engine.h"

namespace holdfast::network {

// What becomes of a commit.
enum class Fault {
  kNone,
  kRetryable,    // a serialization failure or a deadlock: nothing happened
  kUnavailable,  // gone before anything was sent
  kLostBefore,   // the connection broke after sending, and nothing was committed
  kLostAfter,    // the connection broke after sending, and everything was committed
};

// One process's connection to a database that others use too.
class FaultyEngine final : public storage::Engine {
 public:
  explicit FaultyEngine(storage::Engine& database) : database_(database) {}

  // The next commits have these faults, one each.
  void fail(std::deque<Fault> faults) { faults_ = std::move(faults); }
  // All commits have it from now on.
  void always_fail(Fault fault) { always_ = fault; }
  // The process is dead: it neither sends nor hears anything any more.
  void crash() { crashed_ = true; }
  // Called before each commit.
  void before_commit(std::function<void(const storage::Batch&)> watcher) {
    watcher_ = std::move(watcher);
  }
  [[nodiscard]] int commits() const { return commits_; }

  const std::string& incarnation() const override { return database_.incarnation(); }
  [[nodiscard]] Writers writers() const override { return database_.writers(); }

  Task<storage::Commit> commit(storage::Batch batch) override {
    if (crashed_) co_await silence_.wait();
    if (watcher_) watcher_(batch);
    Fault fault = always_;
    if (!faults_.empty()) {
      fault = faults_.front();
      faults_.pop_front();
    }
    ++commits_;
    storage::Commit answer;
    if (fault == Fault::kNone || fault == Fault::kLostAfter) {
      answer = co_await database_.commit(std::move(batch));
    }
    if (crashed_) co_await silence_.wait();
    if (fault != Fault::kNone) answer = Failed(fault);
    co_return answer;
  }

  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    if (crashed_) co_await silence_.wait();
    absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot = co_await database_.snapshot();
    co_return snapshot;
  }

  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    absl::StatusOr<storage::PurgeResult> result = co_await database_.purge(before, limit);
    co_return result;
  }

  void on_commit(std::function<void(Revision)> listener) override {
    database_.on_commit(std::move(listener));
  }

 private:
  static storage::Commit Failed(Fault fault) {
    storage::Failure failure;
    failure.kind = fault == Fault::kRetryable     ? storage::Failure::Kind::kRetryable
                   : fault == Fault::kUnavailable ? storage::Failure::Kind::kUnavailable
                                                  : storage::Failure::Kind::kAmbiguous;
    return {.status = absl::UnavailableError("a fault"), .failure = failure, .revision = {}};
  }

  storage::Engine& database_;
  std::deque<Fault> faults_;
  Fault always_ = Fault::kNone;
  std::function<void(const storage::Batch&)> watcher_;
  bool crashed_ = false;
  OneShot silence_;  // never set
  int commits_ = 0;
};

}  // namespace holdfast::network
