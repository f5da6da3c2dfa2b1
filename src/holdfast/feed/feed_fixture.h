// What tests of the feed share: a memory engine whose database can be made to fail, and readers
// that wait without holding up the test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/feed/feed.h"
#include "holdfast/storage/conformance.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::feed {

// A database that can be away for readers.
class FlakyEngine final : public storage::Engine {
 public:
  explicit FlakyEngine(Env& env) : engine_(storage::NewMemoryEngine(env)) {}

  void go_away() { away_ = true; }
  void come_back() { away_ = false; }
  // From now on other processes write too: their commits are told to nobody.
  void share() { writers_ = Writers::kOthersToo; }
  [[nodiscard]] int snapshots() const { return snapshots_; }

  [[nodiscard]] const std::string& incarnation() const override { return engine_->incarnation(); }
  [[nodiscard]] Writers writers() const override { return writers_; }
  Task<storage::Commit> commit(storage::Batch batch) override {
    return engine_->commit(std::move(batch));
  }
  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    ++snapshots_;
    if (away_) co_return MakeError(Reason::kDatabaseUnavailable, "away");
    co_return co_await engine_->snapshot();
  }
  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    return engine_->purge(before, limit);
  }
  void on_commit(std::function<void(Revision)> listener) override {
    engine_->on_commit(std::move(listener));
  }

 private:
  std::unique_ptr<storage::Engine> engine_;
  bool away_ = false;
  Writers writers_ = Writers::kThisProcess;
  int snapshots_ = 0;
};

// A next() that may wait.
class PendingNext {
 public:
  PendingNext(ManualEnv& env, Subscription& subscription) {
    Spawn(env, Run(subscription.next(), answer_));
  }
  [[nodiscard]] bool done() const { return answer_->has_value(); }
  [[nodiscard]] const absl::StatusOr<FeedBatch>& answer() const { return **answer_; }

 private:
  using Answer = std::shared_ptr<std::optional<absl::StatusOr<FeedBatch>>>;
  static Task<void> Run(Task<absl::StatusOr<FeedBatch>> next, Answer answer) {
    absl::StatusOr<FeedBatch> batch = co_await std::move(next);
    answer->emplace(std::move(batch));
  }

  // Shared with the coroutine, which may be waiting for ever.
  Answer answer_ = std::make_shared<std::optional<absl::StatusOr<FeedBatch>>>();
};

class FeedTest : public ::testing::Test {
 protected:
  ~FeedTest() override { close(); }

  void open(FeedOptions options = {}) {
    feed_ = std::make_unique<Feed>(env_, engine_, options);
    feed_->start();
    env_.run_until_idle();
  }
  // As a node does at its end.
  void close() {
    if (feed_ == nullptr) return;
    feed_->stop();
    env_.run(feed_->stopped());
    feed_.reset();
  }

  Revision commit(std::vector<storage::Op> ops) {
    const storage::Commit done = env_.run(engine_.commit({.label = "t", .ops = std::move(ops)}));
    HF_CHECK(done.ok()) << Show(done);
    return done.revision;
  }
  Revision create(const ResourceKey& key) {
    return commit({storage::CreateRow{.row = storage::NewRow(key)}});
  }
  Revision create(std::string_view vpc) { return create(storage::Vpc(vpc)); }
  Revision update(std::string_view vpc, int64_t version) {
    storage::Row row = storage::NewRow(storage::Vpc(vpc));
    row.version = Version(version);
    return commit({storage::UpdateRow{.row = row, .expected = Version(version - 1)}});
  }
  Revision erase(std::string_view vpc, Timestamp time = Timestamp(1)) {
    const storage::Row row = storage::NewRow(storage::Vpc(vpc));
    return commit({storage::EraseRow{.key = row.key, .uid = row.uid, .delete_time = time}});
  }
  void purge(Timestamp before = Timestamp(2)) {
    HF_CHECK(env_.run(engine_.purge(before, 1000)).ok());
  }

  [[nodiscard]] storage::Cursor at(Revision revision) const {
    return {.incarnation = engine_.incarnation(), .revision = revision};
  }
  [[nodiscard]] storage::Cursor now() { return at((*env_.run(engine_.snapshot()))->revision()); }
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(storage::Cursor from,
                                                        Interest interest = {}) {
    return feed_->subscribe(std::move(from), std::move(interest));
  }
  // From now on, and past its first bookmark.
  [[nodiscard]] std::unique_ptr<Subscription> subscribe_current(Interest interest = {}) {
    std::unique_ptr<Subscription> subscription = subscribe(now(), std::move(interest));
    EXPECT_TRUE(next(*subscription).bookmark);
    env_.run_until_idle();  // the tailer may have rested until now
    return subscription;
  }

  // Must succeed; lets time pass if it must.
  FeedBatch next(Subscription& subscription) {
    absl::StatusOr<FeedBatch> batch = env_.run(subscription.next());
    EXPECT_TRUE(batch.ok()) << batch.status();
    return batch.ok() ? *std::move(batch) : FeedBatch{};
  }
  std::optional<Reason> error(Subscription& subscription) {
    return ReasonOf(env_.run(subscription.next()).status());
  }
  // "a1": vpcs/a in version 1. A tombstone: "a-".
  static std::vector<std::string> Names(const FeedBatch& batch) {
    std::vector<std::string> names;
    for (const auto& row : batch.rows) {
      const bool gone = row->state == storage::RowState::kGone;
      names.push_back(row->key.name.str().substr(5) +
                      (gone ? "-" : std::to_string(row->version.value())));
    }
    return names;
  }

  ManualEnv env_;
  FlakyEngine engine_{env_};
  std::unique_ptr<Feed> feed_;
};

}  // namespace holdfast::feed
