// An engine that dies, or answers what it shouldn't: for tests of what a crash leaves behind, and
// of what a client is told.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/storage/engine.h"

namespace holdfast::store {

// Counts itself while it is out.
class CountedSnapshot final : public storage::Snapshot {
 public:
  CountedSnapshot(std::unique_ptr<storage::Snapshot> inner, std::shared_ptr<int> count)
      : inner_(std::move(inner)), count_(std::move(count)) {
    ++*count_;
  }
  ~CountedSnapshot() override { --*count_; }

  [[nodiscard]] Revision revision() const override { return inner_->revision(); }
  [[nodiscard]] storage::Cursor place() const override { return inner_->place(); }
  Task<absl::StatusOr<std::vector<std::optional<storage::Row>>>> get(
      std::vector<ResourceKey> keys, storage::Fields fields) override {
    return inner_->get(std::move(keys), fields);
  }
  Task<absl::StatusOr<storage::ScanPage>> scan(storage::ScanQuery query) override {
    return inner_->scan(std::move(query));
  }
  Task<absl::StatusOr<storage::InboundPage>> inbound(storage::InboundQuery query) override {
    return inner_->inbound(std::move(query));
  }
  Task<absl::StatusOr<int64_t>> count_inbound(ResourceKey target, uint32_t behaviors) override {
    return inner_->count_inbound(std::move(target), behaviors);
  }
  Task<absl::StatusOr<storage::ScanPage>> duties(storage::DutyQuery query) override {
    return inner_->duties(std::move(query));
  }
  Task<absl::StatusOr<std::optional<storage::LimitRow>>> limit(storage::LimitKey key) override {
    return inner_->limit(std::move(key));
  }
  Task<absl::StatusOr<std::vector<std::optional<storage::Claim>>>> get_claims(
      std::vector<storage::ClaimKey> keys) override {
    return inner_->get_claims(std::move(keys));
  }
  Task<absl::StatusOr<std::vector<storage::Claim>>> claims(storage::ClaimQuery query) override {
    return inner_->claims(std::move(query));
  }
  Task<absl::StatusOr<std::vector<storage::Claim>>> due_claims(storage::ClaimType type,
                                                               Timestamp by,
                                                               size_t limit) override {
    return inner_->due_claims(type, by, limit);
  }
  Task<absl::StatusOr<std::vector<storage::LimitRow>>> limits(
      std::optional<storage::LimitKey> after, size_t limit) override {
    return inner_->limits(std::move(after), limit);
  }
  Task<absl::StatusOr<std::optional<std::string>>> cursor(std::string name) override {
    return inner_->cursor(std::move(name));
  }
  Task<absl::StatusOr<std::optional<storage::PutRequest>>> request(std::string id) override {
    return inner_->request(std::move(id));
  }
  Task<absl::StatusOr<storage::FeedPage>> feed(storage::Cursor from, size_t limit) override {
    return inner_->feed(std::move(from), limit);
  }

 private:
  std::unique_ptr<storage::Snapshot> inner_;
  std::shared_ptr<int> count_;  // with the engine, which may go first
};

// Passes everything on until `crash_at` commits have been done; from then on nothing reaches the
// database until revive(). The commit at which it dies is either done or not, unknown to the one
// who sent it.
class FaultEngine final : public storage::Engine {
 public:
  enum class LastCommit { kLost, kDone };

  explicit FaultEngine(std::unique_ptr<storage::Engine> engine) : engine_(std::move(engine)) {}

  void crash_at(int64_t commits, LastCommit last) {
    left_ = commits;
    last_ = last;
  }
  void revive() {
    left_.reset();
    dead_ = false;
  }
  // The next `times` commits answer so; whether they are done is for `last` to say.
  void answer(storage::Failure::Kind kind, LastCommit last, int times) {
    kind_ = kind;
    last_ = last;
    answers_ = times;
  }
  [[nodiscard]] bool dead() const { return dead_; }
  // Called with every batch that is about to be sent.
  void watch(std::function<void(const storage::Batch&)> watcher) { watcher_ = std::move(watcher); }

  // Runs `rival` once, when the next commit but `skip` comes in, before it is done: somebody else
  // comes between reading and writing.
  void before_commit(std::function<Task<void>()> rival, int skip = 0) {
    rival_ = std::move(rival);
    skip_ = skip;
  }

  [[nodiscard]] int snapshots_out() const { return *snapshots_; }

  [[nodiscard]] const std::string& incarnation() const override { return engine_->incarnation(); }
  [[nodiscard]] Writers writers() const override {
    return shared_ ? Writers::kOthersToo : engine_->writers();
  }
  // From now on other processes may write, too.
  void share() { shared_ = true; }

  Task<storage::Commit> commit(storage::Batch batch) override {
    if (dead_) co_return Dead();
    if (watcher_ != nullptr) watcher_(batch);
    if (rival_ != nullptr && skip_-- <= 0) {
      const std::function<Task<void>()> rival = std::exchange(rival_, nullptr);
      co_await rival();
    }
    const bool rehearsal = batch.mode == storage::Batch::Mode::kRehearse;
    if (answers_ > 0 && !rehearsal) {
      --answers_;
      if (last_ == LastCommit::kDone) (void)co_await engine_->commit(std::move(batch));
      co_return Failed(kind_);
    }
    if (left_.has_value() && !rehearsal && *left_ == 0 && last_ == LastCommit::kLost) {
      dead_ = true;
      co_return Dead();
    }
    storage::Commit commit = co_await engine_->commit(std::move(batch));
    if (!left_.has_value() || rehearsal || !commit.ok()) co_return commit;
    if (*left_ == 0) {
      dead_ = true;
      co_return Dead();
    }
    --*left_;
    co_return commit;
  }

  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    if (dead_) co_return absl::UnavailableError("crashed");
    absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot = co_await engine_->snapshot();
    if (!snapshot.ok()) co_return snapshot.status();
    co_return std::make_unique<CountedSnapshot>(*std::move(snapshot), snapshots_);
  }

  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    absl::StatusOr<storage::PurgeResult> result = co_await engine_->purge(before, limit);
    co_return result;
  }

  void on_commit(std::function<void(Revision)> listener) override {
    engine_->on_commit(std::move(listener));
  }

 private:
  static storage::Commit Dead() { return Failed(storage::Failure::Kind::kUnavailable); }
  static storage::Commit Failed(storage::Failure::Kind kind) {
    storage::Commit commit;
    commit.status = absl::UnavailableError("crashed");
    commit.failure.emplace().kind = kind;
    return commit;
  }

  std::unique_ptr<storage::Engine> engine_;
  std::shared_ptr<int> snapshots_ = std::make_shared<int>(0);
  std::optional<int64_t> left_;
  LastCommit last_ = LastCommit::kLost;
  bool dead_ = false;
  bool shared_ = false;
  storage::Failure::Kind kind_ = storage::Failure::Kind::kUnavailable;
  int answers_ = 0;
  std::function<void(const storage::Batch&)> watcher_;
  std::function<Task<void>()> rival_;
  int skip_ = 0;
};

}  // namespace holdfast::store
