// Writers, purges and readers of several processes at once, in our time. Each state that anybody
// was told to have is compared with a full read of that very state.
#include <atomic>
#include <cstdio>

#include "holdfast/base/mutex.h"
#include "holdfast/feed/feed.h"
#include "tests/postgres/feed_fixture.h"

namespace holdfast::storage {
namespace {

constexpr int kProcesses = 3;
constexpr int kWritersEach = 2;
constexpr int kReaders = 4;
constexpr int kKeys = 12;

// Remembers the whole of each state that somebody reads, by its revision.
class RecordingEngine final : public Engine {
 public:
  struct States {
    Mutex mutex;
    std::map<Revision, FeedView> views ABSL_GUARDED_BY(mutex);
  };
  RecordingEngine(std::unique_ptr<Engine> engine, States& states)
      : engine_(std::move(engine)), states_(states) {}

  [[nodiscard]] const std::string& incarnation() const override { return engine_->incarnation(); }
  [[nodiscard]] Writers writers() const override { return engine_->writers(); }
  Task<Commit> commit(Batch batch) override { return engine_->commit(std::move(batch)); }
  Task<absl::StatusOr<std::unique_ptr<Snapshot>>> snapshot() override {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_->snapshot());
    HF_CO_ASSIGN_OR_RETURN(FeedView view, co_await FullView(*snapshot));
    const MutexLock lock(states_.mutex);
    const auto [known, added] = states_.views.emplace(snapshot->revision(), view);
    EXPECT_EQ(known->second, view) << "two states with one revision";
    co_return snapshot;
  }
  Task<absl::StatusOr<PurgeResult>> purge(Timestamp before, size_t limit) override {
    return engine_->purge(before, limit);
  }
  void on_commit(std::function<void(Revision)> listener) override {
    engine_->on_commit(std::move(listener));
  }

 private:
  std::unique_ptr<Engine> engine_;
  States& states_;
};

class FeedWorld : public ::testing::TestWithParam<batch::Isolation> {
 protected:
  uint64_t below(uint64_t n) { return env_.random().next() % n; }

  // A few rows together, the first ones often: they are hot.
  Task<void> write(Engine& engine, std::string writer) {
    for (int n = 0; !over_; ++n) {
      std::map<ResourceKey, std::optional<Row>> found;
      for (uint64_t i = 1 + below(4); i > 0; --i) {
        found[Vpc(absl::StrCat(below(below(2) == 0 ? 2 : kKeys)))] = std::nullopt;
      }
      std::vector<ResourceKey> keys;
      for (const auto& [key, row] : found) keys.push_back(key);
      auto snapshot = co_await engine.snapshot();
      if (!snapshot.ok()) continue;
      auto rows = co_await (*snapshot)->get(keys, Fields::kAll);
      if (!rows.ok()) continue;
      snapshot->reset();
      Batch batch{.label = "write"};
      for (size_t i = 0; i < keys.size(); ++i) {
        add_change(batch, keys[i], (*rows)[i], absl::StrCat(writer, ".", n));
      }
      const Commit done = co_await engine.commit(std::move(batch));
      if (done.ok()) ++commits_;
    }
    ++ended_;
  }

  void add_change(Batch& batch, const ResourceKey& key, const std::optional<Row>& row,
                  const std::string& life) {
    if (!row.has_value() || row->state == RowState::kGone) {
      Row created = NewRow(key);
      created.uid = Uid(key.name.str() + "#" + life);
      batch.add(CreateRow{.row = created});
    } else if (below(4) == 0) {
      batch.add(EraseRow{.key = key,
                         .uid = row->uid,
                         .expected = row->version,
                         .delete_time = env_.clock().now()});
    } else {
      Row updated = *row;
      updated.version = Version(row->version.value() + 1);
      batch.add(UpdateRow{.row = updated, .expected = row->version});
    }
  }

  Task<void> purge(Engine& engine) {
    while (!over_) {
      co_await env_.sleep(Milliseconds(40));
      const Timestamp before(env_.clock().now().value() - Milliseconds(300).value());
      static_cast<void>(co_await engine.purge(before, 3));
    }
    ++ended_;
  }

  // Page by page, each from another process.
  Task<void> read_pages() {
    FeedReader reader;
    static_cast<void>(co_await reader.start(*engines_[0]));
    while (!over_) {
      const size_t limit = 1 + below(5);
      Engine& engine = *engines_[below(kProcesses)];
      const absl::StatusOr<bool> complete = co_await reader.page(engine, limit);
      if (ReasonOf(complete.status()) == Reason::kResumeTooOld) {
        ++resets_;
        static_cast<void>(co_await reader.start(engine));
      }
      if (below(10) == 0) co_await env_.sleep(Milliseconds(static_cast<int64_t>(below(1500))));
    }
    pages_ += reader.pages();
    bookmarks_ += reader.bookmarks();
    ++ended_;
  }

  // Through the feeds of all processes, now this one, now that one.
  Task<void> subscribe() {
    FeedView view;
    Cursor cursor;
    bool fresh = true;
    std::unique_ptr<feed::Subscription> subscription;
    while (!over_) {
      const size_t process = below(kProcesses);
      if (fresh) {
        auto snapshot = co_await engines_[process]->snapshot();
        if (!snapshot.ok()) continue;
        auto whole = co_await FullView(**snapshot);
        if (!whole.ok()) continue;
        view = *std::move(whole);
        cursor = (*snapshot)->place();
        subscription.reset();
        fresh = false;
      }
      if (subscription == nullptr) subscription = feeds_[process]->subscribe(cursor, {});
      const absl::StatusOr<feed::FeedBatch> batch = co_await subscription->next();
      if (!batch.ok()) {
        fresh = ReasonOf(batch.status()) == Reason::kResumeTooOld;
        if (fresh) ++resets_;
        subscription.reset();
        continue;
      }
      for (const auto& row : batch->rows) {
        view.erase(row->key.name.str());
        if (row->state != RowState::kGone) view[row->key.name.str()] = FeedDigest(*row);
      }
      EXPECT_GE(batch->cursor.revision, cursor.revision);
      cursor = batch->cursor;
      if (batch->bookmark) told(cursor.revision, view);
      if (below(20) == 0) subscription.reset();
      if (below(20) == 0) co_await env_.sleep(Milliseconds(static_cast<int64_t>(below(400))));
    }
    ++ended_;
  }

  void told(Revision revision, const FeedView& view) {
    ++bookmarks_;
    const MutexLock lock(states_.mutex);
    const auto known = states_.views.find(revision);
    ASSERT_NE(known, states_.views.end()) << "a state that nobody has read";
    EXPECT_EQ(view, known->second) << "at " << revision.value();
  }

  RealSuiteEnv env_;
  RecordingEngine::States states_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<std::unique_ptr<feed::Feed>> feeds_;
  std::atomic<bool> over_ = false;
  std::atomic<int> ended_ = 0;
  std::atomic<size_t> commits_ = 0, pages_ = 0, bookmarks_ = 0, resets_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Isolation, FeedWorld,
                         ::testing::Values(batch::Isolation::kReadCommitted,
                                           batch::Isolation::kSerializable),
                         [](const auto& of) {
                           return of.param == batch::Isolation::kSerializable ? "Serializable"
                                                                              : "ReadCommitted";
                         });

TEST_P(FeedWorld, EveryBookmarkIsAStateThatWasAndNoViewGoesBack) {
  HF_COVERS("B3", "I1", "I4", "R38");
  PostgresEngineOptions options = EngineOptions(GetParam());
  options.postgres.snapshots = 8;
  for (int i = 0; i < kProcesses; ++i) {
    engines_.push_back(std::make_unique<RecordingEngine>(OpenEngine(env_, options), states_));
    feeds_.push_back(std::make_unique<feed::Feed>(
        env_, *engines_.back(),
        feed::FeedOptions{.ring_rows = 20, .page = 5, .bookmark_interval = Milliseconds(50)}));
    feeds_.back()->start();
  }
  int tasks = 0;
  const auto start = [&](Task<void> task) {
    Spawn(env_, std::move(task));
    ++tasks;
  };
  for (int i = 0; i < kProcesses * kWritersEach; ++i) {
    start(write(*engines_[i % kProcesses], absl::StrCat(i)));
  }
  for (int i = 0; i < kReaders; ++i) start(read_pages());
  for (int i = 0; i < kReaders; ++i) start(subscribe());
  start(purge(*engines_[0]));
  env_.run(env_.sleep(Seconds(8)));
  over_ = true;
  for (const auto& feed : feeds_) feed->stop();
  for (const auto& feed : feeds_) env_.run(feed->stopped());
  while (ended_ < tasks) env_.run(env_.sleep(Milliseconds(10)));
  feeds_.clear();
  // That all of it was met.
  EXPECT_GT(commits_, 100);
  EXPECT_GT(bookmarks_, 100);
  EXPECT_GT(pages_, 100);
  EXPECT_GT(resets_, 0);
  std::printf("%zu commits, %zu pages, %zu bookmarks, %zu resets\n", commits_.load(), pages_.load(),
              bookmarks_.load(), resets_.load());
}

}  // namespace
}  // namespace holdfast::storage
