#include "sim/database/database.h"

#include <gtest/gtest.h>

#include <optional>

namespace holdfast::sim {
namespace {

using storage::Commit;

ResourceKey Key(const std::string& name) { return {KindName("t/Thing"), ResourceName(name)}; }

storage::Batch Creation(const std::string& name) {
  storage::Batch batch;
  batch.label = "create " + name;
  storage::CreateRow op;
  op.row.key = Key(name);
  op.row.uid = Uid("uid of " + name);
  op.row.version = Version(1);
  op.row.body = "body";
  batch.add(std::move(op), nullptr);
  return batch;
}

class DatabaseTest : public ::testing::TestWithParam<Database::Make> {
 protected:
  DatabaseTest() {
    database_.observe([this](const storage::Batch& batch, Revision revision) {
      EXPECT_GT(revision, seen_);
      seen_ = revision;
      observed_.push_back(batch.label);
    });
  }
  ~DatabaseTest() override {
    engine_.reset();
    node_->close();
    world_.env().close();
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    Spawn(*node_, into(std::move(task), &result));
    EXPECT_TRUE(world_.scheduler()->run_until([&] { return result.has_value(); }, Seconds(300)));
    return *std::move(result);
  }
  template <class T>
  Task<void> into(Task<T> task, std::optional<T>* result) {
    T value = co_await std::move(task);
    result->emplace(std::move(value));
  }
  Commit create(const std::string& name) { return run(engine_->commit(Creation(name))); }
  bool exists(const std::string& name) {
    const auto snapshot = run(engine_->snapshot());
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    std::vector<ResourceKey> keys{Key(name)};
    const auto rows = run((*snapshot)->get(std::move(keys), storage::Fields::kAll));
    EXPECT_TRUE(rows.ok()) << rows.status();
    return (*rows)[0].has_value();
  }

  World world_{1};
  std::unique_ptr<NodeEnv> node_ = world_.make_env();
  Database database_{world_, GetParam(), {}};
  std::unique_ptr<storage::Engine> engine_ = database_.connect(*node_, "node");
  std::vector<std::string> observed_;
  Revision seen_;
};
INSTANTIATE_TEST_SUITE_P(Of, DatabaseTest,
                         ::testing::Values(Database::Make::kMemory, Database::Make::kSqlite),
                         [](const auto& of) {
                           return of.param == Database::Make::kMemory ? "Memory" : "Sqlite";
                         });

TEST_P(DatabaseTest, CommitsAndShowsEachCommitToItsObserver) {
  EXPECT_TRUE(create("a").ok());
  EXPECT_FALSE(create("a").ok());
  EXPECT_TRUE(create("b").ok());
  EXPECT_TRUE(exists("a"));
  EXPECT_EQ(observed_, (std::vector<std::string>{"create a", "create b"}));
}

TEST_P(DatabaseTest, FailsAsItIsToldTo) {
  database_.set_faults({.retryable = 1});
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kRetryable);
  database_.set_faults({.unavailable = 1});
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kUnavailable);
  database_.set_faults({.lost_before = 1});
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kAmbiguous);
  database_.set_faults({});
  EXPECT_FALSE(exists("a"));
  EXPECT_TRUE(observed_.empty());
  database_.set_faults({.lost_after = 1});
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kAmbiguous);
  database_.set_faults({});
  EXPECT_TRUE(exists("a"));
  EXPECT_EQ(observed_.size(), 1u);
}

TEST_P(DatabaseTest, ComesBackFromACrashWithWhatItHadCommitted) {
  EXPECT_TRUE(create("a").ok());
  auto before = run(engine_->snapshot());
  ASSERT_TRUE(before.ok());
  database_.crash(Seconds(3));
  EXPECT_FALSE(database_.is_up());
  EXPECT_EQ(create("b").failure->kind, storage::Failure::Kind::kUnavailable);
  std::vector<ResourceKey> keys{Key("a")};
  EXPECT_FALSE(run((*before)->get(std::move(keys), storage::Fields::kAll)).ok());
  before->reset();
  world_.scheduler()->advance(Seconds(10));
  EXPECT_TRUE(database_.is_up());
  EXPECT_TRUE(exists("a"));
  EXPECT_FALSE(exists("b"));
}

TEST_P(DatabaseTest, CrashesRightBehindACommit) {
  database_.crash_at_next_commit(Seconds(1));
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kAmbiguous);
  world_.scheduler()->advance(Seconds(5));
  EXPECT_TRUE(exists("a"));
  EXPECT_TRUE(create("b").ok());
}

TEST_P(DatabaseTest, CanNotBeReachedFromWhoIsCutOff) {
  database_.cut_off("node");
  EXPECT_EQ(create("a").failure->kind, storage::Failure::Kind::kUnavailable);
  EXPECT_FALSE(run(engine_->snapshot()).ok());
  database_.heal();
  EXPECT_TRUE(create("a").ok());
}

// The one who asked dies in the middle; the database does what it was asked all the same.
TEST_P(DatabaseTest, OutlivesItsNodes) {
  for (int microseconds = 0; microseconds < 8'000; microseconds += 137) {
    std::unique_ptr<NodeEnv> node = world_.make_env();
    std::unique_ptr<storage::Engine> engine = database_.connect(*node, "other");
    const std::string name = "n" + std::to_string(microseconds);
    std::optional<Commit> commit;
    Spawn(*node, into(engine->commit(Creation(name)), &commit));
    world_.scheduler()->advance(Duration(microseconds));
    node->close();
    engine.reset();
    node.reset();
    world_.scheduler()->advance(Seconds(1));
    EXPECT_LE(commit.has_value(), exists(name));
  }
  EXPECT_GT(observed_.size(), 10u);
}

}  // namespace
}  // namespace holdfast::sim
