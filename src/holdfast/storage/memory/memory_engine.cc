#include "holdfast/storage/memory/memory_engine.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/mutex.h"
#include "holdfast/storage/memory/reader.h"
#include "holdfast/storage/memory/tables.h"
#include "holdfast/storage/memory/transaction.h"

namespace holdfast::storage {
namespace {

using memory::KeptRequest;
using memory::Reader;
using memory::SharedTables;
using memory::Transaction;

// To the end of the executor's queue: where a real database would make the caller wait, others run.
Task<void> Suspend() { co_await boost::asio::post(boost::asio::use_awaitable); }

absl::Status Explained(const Batch& batch, const Failure& failure) {
  if (failure.op < batch.explains.size() && batch.explains[failure.op] != nullptr) {
    return batch.explains[failure.op](failure);
  }
  return absl::InternalError(
      absl::StrCat(batch.label, ": operation ", failure.op, " failed ", failure.message));
}

class MemorySnapshot final : public Snapshot {
 public:
  // shared_ptr: a snapshot may outlive its engine.
  MemorySnapshot(std::shared_ptr<SharedTables> shared, std::string incarnation)
      : shared_(std::move(shared)), incarnation_(std::move(incarnation)) {
    const MutexLock lock(shared_->mutex);
    at_ = shared_->tables.revision;
    floor_ = shared_->tables.floor;
    shared_->tables.snapshots.insert(at_);
  }
  ~MemorySnapshot() override {
    const MutexLock lock(shared_->mutex);
    shared_->tables.release_snapshot(at_);
  }
  MemorySnapshot(const MemorySnapshot&) = delete;
  MemorySnapshot& operator=(const MemorySnapshot&) = delete;

  [[nodiscard]] Revision revision() const override { return at_; }
  [[nodiscard]] Cursor place() const override {
    return {.incarnation = incarnation_, .revision = at_};
  }

  Task<absl::StatusOr<std::vector<std::optional<Row>>>> get(std::vector<ResourceKey> keys,
                                                            Fields fields) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().get(keys, fields);
  }

  Task<absl::StatusOr<ScanPage>> scan(ScanQuery query) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().scan(query);
  }

  Task<absl::StatusOr<InboundPage>> inbound(InboundQuery query) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().inbound(query);
  }

  Task<absl::StatusOr<int64_t>> count_inbound(ResourceKey target, uint32_t behaviors) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().count_inbound(target, behaviors);
  }

  Task<absl::StatusOr<ScanPage>> duties(DutyQuery query) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().duties(query);
  }

  Task<absl::StatusOr<std::optional<LimitRow>>> limit(LimitKey key) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    std::optional<LimitRow> answer;
    if (const LimitRow* row = shared_->tables.limits.find(key, at_)) answer = *row;
    co_return answer;
  }

  Task<absl::StatusOr<std::vector<std::optional<Claim>>>> get_claims(
      std::vector<ClaimKey> keys) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().get_claims(keys);
  }

  Task<absl::StatusOr<std::vector<Claim>>> claims(ClaimQuery query) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().claims(query);
  }

  Task<absl::StatusOr<std::vector<Claim>>> due_claims(ClaimType type, Timestamp by,
                                                      size_t limit) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().due_claims(type, by, limit);
  }

  Task<absl::StatusOr<std::vector<LimitRow>>> limits(std::optional<LimitKey> after,
                                                     size_t limit) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().limits(after, limit);
  }

  Task<absl::StatusOr<std::optional<std::string>>> cursor(std::string name) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    std::optional<std::string> answer;
    if (const std::string* value = shared_->tables.cursors.find(name, at_)) answer = *value;
    co_return answer;
  }

  Task<absl::StatusOr<std::optional<PutRequest>>> request(std::string id) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    std::optional<PutRequest> answer;
    if (const KeptRequest* kept = shared_->tables.requests.find(id, at_)) answer = kept->request;
    co_return answer;
  }

  Task<absl::StatusOr<FeedPage>> feed(Cursor from, size_t limit) override {
    co_await Suspend();
    const MutexLock lock(shared_->mutex);
    co_return reader().feed(from, limit, incarnation_, floor_);
  }

 private:
  [[nodiscard]] Reader reader() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    return {shared_->tables, at_};
  }

  std::shared_ptr<SharedTables> shared_;
  std::string incarnation_;
  Revision at_;
  Revision floor_;
};

class MemoryEngine final : public Engine {
 public:
  MemoryEngine(Env& env, MemoryEngineOptions options)
      : env_(env), incarnation_(std::move(options.incarnation)) {}

  [[nodiscard]] const std::string& incarnation() const override { return incarnation_; }
  [[nodiscard]] Writers writers() const override { return Writers::kThisProcess; }

  Task<Commit> commit(Batch batch) override {
    co_await Suspend();
    Commit answer = run(batch);
    if (answer.ok() && batch.mode == Batch::Mode::kCommit && listener_ != nullptr) {
      listener_(answer.revision);
    }
    // The answer comes later than the commit: others may have seen it before.
    co_await Suspend();
    co_return answer;
  }

  Task<absl::StatusOr<std::unique_ptr<Snapshot>>> snapshot() override {
    co_await Suspend();
    co_return std::make_unique<MemorySnapshot>(shared_, incarnation_);
  }

  Task<absl::StatusOr<PurgeResult>> purge(Timestamp before, size_t limit) override {
    co_await Suspend();
    PurgeResult result;
    Revision then;
    {
      const MutexLock lock(shared_->mutex);
      result = forget(before, limit);
      then = shared_->tables.revision;
    }
    const bool forgot = result.tombstones > 0 || result.requests > 0;
    if (forgot && listener_ != nullptr) listener_(then);
    co_return result;
  }

  void on_commit(std::function<void(Revision)> listener) override {
    listener_ = std::move(listener);
  }

 private:
  [[nodiscard]] Commit run(const Batch& batch) {
    const Timestamp now = env_.clock().now();
    const MutexLock lock(shared_->mutex);
    // A request that is noted alone changes nothing that a reader sees.
    const bool moves = batch.ops.size() != 1 || !std::holds_alternative<PutRequest>(batch.ops[0]);
    const Revision revision(shared_->tables.revision.value() + (moves ? 1 : 0));
    Commit answer;
    answer.failure = Transaction(shared_->tables, revision, now).run(batch.ops);
    if (answer.failure.has_value()) {
      shared_->tables.undo();
      answer.status = Explained(batch, *answer.failure);
    } else if (batch.mode == Batch::Mode::kRehearse) {
      shared_->tables.undo();
    } else {
      shared_->tables.keep(revision);
      answer.revision = revision;
    }
    return answer;
  }

  [[nodiscard]] PurgeResult forget(Timestamp before, size_t limit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    const Revision now(shared_->tables.revision.value() + 1);
    PurgeResult result;
    forget_tombstones(before, limit, now, result);
    forget_requests(before, limit, now, result);
    const bool moves = result.tombstones > 0 || result.requests > 0;
    const Revision then = moves ? now : shared_->tables.revision;
    forget_limits(limit, then, result);
    shared_->tables.keep(then);
    return result;
  }

  void forget_tombstones(Timestamp before, size_t limit, Revision now, PurgeResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    for (const auto& [revision, key] : shared_->tables.changes) {
      const Row* row = shared_->tables.rows.find(key, shared_->tables.revision);
      const bool old = row != nullptr && row->revision == revision &&
                       row->state == RowState::kGone && row->delete_time < before;
      if (!old) continue;
      if (static_cast<size_t>(result.tombstones) == limit) {
        result.more = true;
        return;
      }
      shared_->tables.floor = std::max(shared_->tables.floor, revision);
      shared_->tables.rows.put(key, std::nullopt, now);
      ++result.tombstones;
    }
  }

  void forget_requests(Timestamp before, size_t limit, Revision now, PurgeResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    std::vector<std::pair<Timestamp, std::string>> old;
    shared_->tables.requests.visit("", shared_->tables.revision,
                                   [&](const std::string& id, const KeptRequest& kept) {
                                     if (kept.made < before) old.emplace_back(kept.made, id);
                                     return true;
                                   });
    std::sort(old.begin(), old.end());
    if (old.size() > limit) {
      result.more = true;
      old.resize(limit);
    }
    for (const auto& [made, id] : old) shared_->tables.requests.put(id, std::nullopt, now);
    result.requests = static_cast<int64_t>(old.size());
  }

  // Those of which nothing is used say nothing: how much may be, the next one who takes says.
  void forget_limits(size_t limit, Revision now, PurgeResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shared_->mutex) {
    std::vector<LimitKey> unused;
    shared_->tables.limits.visit(LimitKey(), shared_->tables.revision,
                                 [&](const LimitKey& key, const LimitRow& row) {
                                   if (row.used == 0) unused.push_back(key);
                                   return unused.size() <= limit;
                                 });
    if (unused.size() > limit) {
      result.more = true;
      unused.resize(limit);
    }
    for (const LimitKey& key : unused) shared_->tables.limits.put(key, std::nullopt, now);
  }

  Env& env_;
  std::string incarnation_;
  // shared_ptr: with the snapshots that are out.
  std::shared_ptr<SharedTables> shared_ = std::make_shared<SharedTables>();
  std::function<void(Revision)> listener_;
};

}  // namespace

std::unique_ptr<Engine> NewMemoryEngine(Env& env, MemoryEngineOptions options) {
  return std::make_unique<MemoryEngine>(env, std::move(options));
}

}  // namespace holdfast::storage
