// Writers, purges, readers that sleep, restart and come late, nodes that restart, all at once and
// in an order that a seed chooses. Afterwards what each reader saw is compared with what happened.
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "holdfast/base/check.h"
#include "holdfast/feed/feed_fixture.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/testing/covers.h"

namespace holdfast::feed {
namespace {

using storage::Cursor;
using storage::Row;
using storage::RowState;
using storage::Show;

constexpr int kMemorySeeds = 150;
constexpr int kSqliteSeeds = 20;
constexpr int kWriters = 3;
constexpr int kBatchesPerWriter = 40;
constexpr int kReaders = 6;
constexpr int kKeys = 10;

// By "kind:name", which gtest can print.
using View = std::map<std::string, std::string>;

// What of a row must be equal between a view and the truth.
std::string Digest(const Row& row) {
  return absl::StrCat(row.uid.str(), " v", row.version.value(), " @", row.revision.value());
}

// Every commit, by revision: what it made of the keys that it touched (nothing: erased).
class History {
 public:
  void add(Revision revision, std::map<ResourceKey, std::optional<std::string>> changes) {
    commits_[revision] = std::move(changes);
  }
  // The rows that `interest` sees at a revision.
  [[nodiscard]] View at(Revision revision, const Interest& interest) const {
    View view;
    for (const auto& [of, changes] : commits_) {
      if (of > revision) break;
      for (const auto& [key, digest] : changes) {
        if (!interest.matches(key)) continue;
        if (digest.has_value()) {
          view[Show(key)] = *digest;
        } else {
          view.erase(Show(key));
        }
      }
    }
    return view;
  }

 private:
  std::map<Revision, std::map<ResourceKey, std::optional<std::string>>> commits_;
};

using MakeEngine = std::function<std::unique_ptr<storage::Engine>(Env&)>;

struct Seen {
  Revision revision;
  Interest interest;
  View view;
};

class World {
 public:
  World(uint64_t seed, const MakeEngine& make)
      : env_(seed), options_(ChooseOptions()), engine_(make(env_)) {
    open_feed();
  }
  ~World() {
    feed_->stop();
    env_.run(feed_->stopped());
  }

  void run() {
    for (int i = 0; i < kWriters; ++i) Spawn(env_, write(i));
    for (int i = 0; i < kReaders; ++i) Spawn(env_, read(i));
    Spawn(env_, purge());
    Spawn(env_, restart_node());
    ASSERT_TRUE(env_.run_until([this] { return readers_done_ == kReaders; }));
  }

  // I1: at each bookmark the reader's view was exactly the state of that revision.
  void check() const {
    for (const Seen& seen : bookmarks_) {
      ASSERT_EQ(seen.view, history_.at(seen.revision, seen.interest))
          << "at revision " << seen.revision.value();
    }
  }

  [[nodiscard]] size_t bookmarks() const { return bookmarks_.size(); }
  [[nodiscard]] int64_t catch_up_reads() const {
    return catch_up_reads_ + feed_->stats().catch_up_reads;
  }
  [[nodiscard]] int resets() const { return resets_; }
  [[nodiscard]] int restarts() const { return restarts_; }

 private:
  uint64_t below(uint64_t n) { return env_.random().next() % n; }
  bool chance(uint64_t percent) { return below(100) < percent; }
  Task<void> pause(int64_t most_milliseconds) {
    return env_.sleep(Duration(static_cast<int64_t>(below(most_milliseconds * 1000 + 1))));
  }

  // Small, so that every limit is met.
  FeedOptions ChooseOptions() {
    FeedOptions options;
    options.ring_rows = 2 + below(30);
    options.page = 1 + below(6);
    options.bookmark_interval = Milliseconds(static_cast<int64_t>(10 + below(200)));
    options.idle_poll = Milliseconds(50);
    options.catch_up_reads = 1 + below(3);
    return options;
  }
  void open_feed() {
    // shared_ptr: readers go on with the old one until it tells them to stop.
    feed_ = std::make_shared<Feed>(env_, *engine_, options_);
    feed_->start();
  }

  ResourceKey key() {
    const std::string id = std::to_string(below(kKeys));
    return chance(70) ? storage::Vpc(id) : storage::Rule(id, "1");
  }

  // Each commit changes a few rows together, by what it finds.
  Task<void> write(int writer) {
    for (int n = 0; n < kBatchesPerWriter; ++n) {
      co_await write_one(absl::StrCat(writer, ".", n));
      if (chance(60)) co_await pause(10);
    }
    ++writers_done_;
  }

  Task<void> write_one(std::string life) {
    std::set<ResourceKey> keys;
    for (uint64_t i = 1 + below(5); i > 0; --i) keys.insert(key());
    auto snapshot = co_await engine_->snapshot();
    HF_CHECK(snapshot.ok());
    const std::vector<ResourceKey> list(keys.begin(), keys.end());
    auto rows = co_await (*snapshot)->get(list, storage::Fields::kAll);
    HF_CHECK(rows.ok());
    storage::Batch batch{.label = "write"};
    std::map<ResourceKey, std::optional<Row>> changes;
    for (size_t i = 0; i < list.size(); ++i) {
      changes.emplace(list[i], add_change(batch, list[i], (*rows)[i], life));
    }
    const storage::Commit done = co_await engine_->commit(std::move(batch));
    if (!done.ok()) co_return;  // another writer was first
    std::map<ResourceKey, std::optional<std::string>> digests;
    for (auto& [at, row] : changes) {
      if (row.has_value()) row->revision = done.revision;
      digests.emplace(at, row.has_value() ? std::optional(Digest(*row)) : std::nullopt);
    }
    history_.add(done.revision, std::move(digests));
  }

  // Returns the row as it will be; nullopt: erased.
  std::optional<Row> add_change(storage::Batch& batch, const ResourceKey& at,
                                const std::optional<Row>& row, const std::string& life) {
    if (!row.has_value() || row->state == RowState::kGone) {
      Row created = storage::NewRow(at);
      created.uid = Uid(at.name.str() + "#" + life);
      batch.add(storage::CreateRow{.row = created});
      return created;
    }
    if (chance(30)) {
      batch.add(storage::EraseRow{
          .key = at, .uid = row->uid, .expected = row->version, .delete_time = env_.clock().now()});
      return std::nullopt;
    }
    Row updated = *row;
    updated.version = Version(row->version.value() + 1);
    batch.add(storage::UpdateRow{.row = updated, .expected = row->version});
    return updated;
  }

  Task<void> purge() {
    while (writers_done_ < kWriters) {
      co_await pause(200);
      const Timestamp before(env_.clock().now().value() - Milliseconds(100).value());
      HF_CHECK((co_await engine_->purge(before, 1 + below(5))).ok());
    }
  }

  Task<void> restart_node() {
    while (writers_done_ < kWriters) {
      co_await pause(300);
      const std::shared_ptr<Feed> old = feed_;
      open_feed();
      old->stop();
      co_await old->stopped();
      catch_up_reads_ += old->stats().catch_up_reads;
      ++restarts_;
    }
  }

  struct Reader {
    Interest interest;
    View view;
    std::map<ResourceKey, Row> latest;  // tombstones too
    Cursor cursor;
    std::unique_ptr<Subscription> subscription;
  };

  Interest choose_interest(int reader) {
    Interest interest;
    if (reader % 3 == 1) interest.kinds = {storage::kVpc};
    if (reader % 3 == 2) interest.name_prefix = absl::StrCat("vpcs/", below(kKeys));
    return interest;
  }

  // Until it is current after the last commit.
  Task<void> read(int number) {
    Reader reader{.interest = choose_interest(number)};
    co_await pause(100);
    co_await start_anew(reader);
    while (!co_await finished(reader)) {
      if (reader.subscription == nullptr) {
        reader.subscription = feed_->subscribe(reader.cursor, reader.interest);
      }
      absl::StatusOr<FeedBatch> batch = co_await reader.subscription->next();
      if (batch.ok()) {
        take(reader, *batch);
      } else if (ReasonOf(batch.status()) == Reason::kResumeTooOld) {
        ++resets_;
        co_await start_anew(reader);
      } else {
        HF_CHECK(ReasonOf(batch.status()) == Reason::kShuttingDown) << batch.status();
        reader.subscription.reset();
      }
      // Forgets everything but its view and its place; or just sleeps.
      if (chance(5)) reader.subscription.reset();
      if (chance(15)) co_await pause(150);
    }
    ++readers_done_;
  }

  Task<bool> finished(Reader& reader) {
    if (writers_done_ < kWriters) co_return false;
    auto snapshot = co_await engine_->snapshot();
    HF_CHECK(snapshot.ok());
    co_return !reader.cursor.key.has_value() && reader.cursor.revision >= (*snapshot)->revision();
  }

  Task<void> start_anew(Reader& reader) {
    reader.view.clear();
    reader.latest.clear();
    auto snapshot = co_await engine_->snapshot();
    HF_CHECK(snapshot.ok());
    storage::ScanQuery query{.name_prefix = reader.interest.name_prefix};
    query.kinds = reader.interest.kinds;
    auto page = co_await (*snapshot)->scan(query);
    HF_CHECK(page.ok() && !page->next.has_value());
    for (const Row& row : page->rows) {
      reader.view[Show(row.key)] = Digest(row);
      reader.latest[row.key] = row;
    }
    reader.cursor = {.incarnation = engine_->incarnation(), .revision = (*snapshot)->revision()};
    bookmarks_.push_back({reader.cursor.revision, reader.interest, reader.view});
    reader.subscription.reset();
  }

  void take(Reader& reader, const FeedBatch& batch) {
    EXPECT_LE(batch.rows.size(), options_.page);
    for (const auto& row : batch.rows) {
      EXPECT_TRUE(reader.interest.matches(row->key));
      const auto known = reader.latest.find(row->key);
      // I4, and no state twice.
      if (known != reader.latest.end()) {
        const Row& before = known->second;
        EXPECT_GT(row->revision, before.revision);
        EXPECT_GE(std::pair(row->stamp, row->version), std::pair(before.stamp, before.version));
      }
      reader.latest[row->key] = *row;
      reader.view.erase(Show(row->key));
      if (row->state != RowState::kGone) reader.view[Show(row->key)] = Digest(*row);
    }
    EXPECT_GE(batch.cursor.revision, reader.cursor.revision);
    reader.cursor = batch.cursor;
    if (!batch.bookmark) return;
    EXPECT_FALSE(batch.cursor.key.has_value());
    bookmarks_.push_back({batch.cursor.revision, reader.interest, reader.view});
  }

  ManualEnv env_;
  FeedOptions options_;
  std::unique_ptr<storage::Engine> engine_;
  std::shared_ptr<Feed> feed_;
  History history_;
  std::vector<Seen> bookmarks_;
  int writers_done_ = 0;
  int readers_done_ = 0;
  int resets_ = 0;
  int restarts_ = 0;
  int64_t catch_up_reads_ = 0;
};

void CheckWorlds(int seeds, const MakeEngine& make) {
  size_t bookmarks = 0;
  int64_t catch_up_reads = 0;
  int resets = 0;
  int restarts = 0;
  for (int seed = 1; seed <= seeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(static_cast<uint64_t>(seed), make);
    world.run();
    world.check();
    bookmarks += world.bookmarks();
    catch_up_reads += world.catch_up_reads();
    resets += world.resets();
    restarts += world.restarts();
  }
  // That all of it was met.
  EXPECT_GT(bookmarks, seeds * 30);
  EXPECT_GT(catch_up_reads, seeds);
  EXPECT_GT(resets, seeds / 6);
  EXPECT_GT(restarts, seeds);
}

TEST(FeedProperty, EveryBookmarkIsAStateThatWasAndNoViewGoesBack) {
  HF_COVERS("B3", "I1", "I4");
  CheckWorlds(kMemorySeeds, [](Env& env) { return storage::NewMemoryEngine(env); });
}

TEST(FeedProperty, TheSameHoldsOverSqlite) {
  HF_COVERS("B3", "I1", "I4");
  CheckWorlds(kSqliteSeeds, [](Env& env) {
    auto engine = storage::OpenSqliteEngine(env, {.path = ":memory:"});
    HF_CHECK(engine.ok()) << engine.status().ToString();
    return *std::move(engine);
  });
}

}  // namespace
}  // namespace holdfast::feed
