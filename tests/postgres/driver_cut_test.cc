// The connection is lost, at every place where it can be: what the driver says must be true.
#include <random>
#include <thread>

#include "holdfast/base/error.h"
#include "tests/postgres/cutting_proxy.h"
#include "tests/postgres/driver_fixture.h"

namespace holdfast::batch {
namespace {

using testing::CuttingProxy;
using testing::PostgresCluster;
using Direction = CuttingProxy::Direction;

class DriverCut : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    script("CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0)");
    const std::string name = dsn_.substr(dsn_.rfind('=') + 1);
    proxy_ = std::make_unique<CuttingProxy>(PostgresCluster::Shared().port());
    through_proxy_ = PostgresCluster::Shared().tcp_dsn(name) +
                     " sslmode=disable gssencmode=disable" +
                     " port=" + std::to_string(proxy_->port());
  }
  void TearDown() override { client_.reset(); }

  void connect(PostgresOptions options) {
    client_.reset();
    options.dsn = through_proxy_;
    client_ = open_another(std::move(options));
    ASSERT_NE(client_, nullptr);
  }

  static Batch Numbered(int64_t id) {
    Batch batch("test");
    batch.add(Insert(id, "name " + std::to_string(id)));
    batch.add(
        Step{.sql = "UPDATE counter SET n = n + 1 RETURNING n", .expect = Expect::Exactly(1)});
    return batch;
  }
  bool is_there(int64_t id) { return count("t WHERE id = " + std::to_string(id)) == 1; }
  int64_t counter() { return std::get<int64_t>(query("SELECT n FROM counter")[0][0]); }

  std::unique_ptr<CuttingProxy> proxy_;
  std::string through_proxy_;
  std::unique_ptr<PostgresDatabase> client_;
};

struct Place {
  Direction direction;
  int bytes;  // into the next message
};

class DriverCutAtEachMessage : public DriverCut, public ::testing::WithParamInterface<Place> {};

TEST_P(DriverCutAtEachMessage, FindsTheTrueOutcomeByItsKey) {
  HF_COVERS("T9");
  connect({.connections = 1});
  int64_t cuts = 0;
  for (int place = 0;; ++place) {
    Batch batch = Numbered(place);
    batch.set_idempotency_key("key " + std::to_string(place), "hash", "answer");
    proxy_->cut_after(GetParam().direction, place, GetParam().bytes);
    const Outcome outcome = env_.run(client_->commit(std::move(batch)));
    const bool cut = proxy_->has_cut();
    proxy_->pass_everything();
    ASSERT_TRUE(outcome.ok()) << place << outcome.status();
    EXPECT_TRUE(is_there(place)) << place;
    if (outcome.resolved()) {
      EXPECT_EQ(outcome.answer(), "answer");
    }
    EXPECT_EQ(counter(), place + 1) << "not exactly once";
    if (!cut) break;
    ++cuts;
  }
  EXPECT_GT(cuts, 8);
}

TEST_P(DriverCutAtEachMessage, NeverClaimsWhatIsntSoWithoutAKey) {
  HF_COVERS("T9");
  connect({.connections = 1, .max_attempts = 2});
  int64_t unknown = 0;
  for (int place = 0;; ++place) {
    proxy_->cut_after(GetParam().direction, place, GetParam().bytes);
    const Outcome outcome = env_.run(client_->commit(Numbered(place)));
    const bool cut = proxy_->has_cut();
    proxy_->pass_everything();
    if (outcome.ok()) {
      EXPECT_TRUE(is_there(place)) << place;
    }
    if (!outcome.ok() && outcome.failure()->failure_class == FailureClass::kAmbiguous) {
      EXPECT_EQ(ReasonOf(outcome.status()), Reason::kCommitUnknown);
      ++unknown;
    } else if (!outcome.ok()) {
      EXPECT_FALSE(is_there(place)) << place << outcome.status();
    }
    EXPECT_EQ(counter(), count("t"));
    if (!cut) break;
  }
  EXPECT_GT(unknown, 0);
}

INSTANTIATE_TEST_SUITE_P(Places, DriverCutAtEachMessage,
                         ::testing::Values(Place{Direction::kToServer, 0},
                                           Place{Direction::kToServer, 3},
                                           Place{Direction::kToClient, 0},
                                           Place{Direction::kToClient, 3}));

// More than the kernel takes at once, and others behind it on the same session.
TEST_F(DriverCut, KnowsNotWhatHasGoneOutOfALargeBatch) {
  HF_COVERS("T9");
  connect({.connections = 1, .max_attempts = 3});
  for (int64_t place = 0; place < 26; ++place) {
    std::vector<std::future<Outcome>> waiting;
    proxy_->cut_after(Direction::kToServer, static_cast<int>(place), 0);
    for (int64_t i = 0; i < 3; ++i) {
      Batch batch = Numbered(3 * place + i);
      batch.add(
          Step{.sql = "SELECT length($1::bytea)", .binds = {{Blob{std::string(3'000'000, 'x')}}}});
      waiting.push_back(boost::asio::co_spawn(env_.executor(), client_->commit(std::move(batch)),
                                              boost::asio::use_future));
    }
    for (int64_t i = 0; i < 3; ++i) {
      const Outcome outcome = waiting[static_cast<size_t>(i)].get();
      const bool there = is_there(3 * place + i);
      if (outcome.ok()) {
        EXPECT_TRUE(there) << place;
      } else if (outcome.failure()->failure_class != FailureClass::kAmbiguous) {
        EXPECT_FALSE(there) << place << outcome.status();
      }
    }
    proxy_->pass_everything();
  }
  EXPECT_EQ(counter(), count("t"));
}

// The old session may still be at it when the outcome is looked for.
TEST_F(DriverCut, WaitsForASessionThatIsStillAtIt) {
  connect({.connections = 1});
  ASSERT_TRUE(env_.run(client_->commit(Numbered(0))).ok());
  for (int64_t i = 1; i < 4; ++i) {
    Batch batch = Numbered(i);
    batch.add(Step{.sql = "SELECT pg_sleep(0.3)"});
    batch.set_idempotency_key("slow " + std::to_string(i), "hash", "answer");
    proxy_->cut_after(Direction::kToClient, 2, 0);
    const Outcome outcome = env_.run(client_->commit(std::move(batch)));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(counter(), i + 1);
  }
}

TEST_F(DriverCut, GivesUpASessionThatDoesntAnswer) {
  connect({.connections = 1, .commit_timeout = Milliseconds(300)});
  Batch batch = Numbered(1);
  batch.add(Step{.sql = "SELECT pg_sleep(1)"});
  const Outcome outcome = env_.run(client_->commit(std::move(batch)));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kAmbiguous);
  EXPECT_THAT(outcome.failure()->message, ::testing::HasSubstr("in time"));
}

// What waits behind it hasn't all gone out, and must not when the session is given up.
TEST_F(DriverCut, SendsNothingMoreOnASessionThatIsGivenUp) {
  HF_COVERS("T9");
  // Directly: a proxy would take it all.
  client_ = open_another({.dsn = dsn_, .connections = 1, .commit_timeout = Milliseconds(400)});
  Batch slow("test");
  slow.add(Step{.sql = "SELECT pg_sleep(1.5)"});
  auto first = boost::asio::co_spawn(env_.executor(), client_->commit(std::move(slow)),
                                     boost::asio::use_future);
  while (
      count("pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND state = 'active' AND pid <> "
            "pg_backend_pid()") == 0) {
  }
  Batch large = Numbered(7);
  large.add(
      Step{.sql = "SELECT length($1::bytea)", .binds = {{Blob{std::string(3'000'000, 'x')}}}});
  const Outcome outcome = env_.run(client_->commit(std::move(large)));
  EXPECT_FALSE(first.get().ok());
  while (
      count("pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND state = 'active' AND pid <> "
            "pg_backend_pid()") > 0) {
  }
  if (outcome.ok()) {
    EXPECT_TRUE(is_there(7));
  } else if (outcome.failure()->failure_class != FailureClass::kAmbiguous) {
    EXPECT_FALSE(is_there(7)) << outcome.status();
  }
  EXPECT_LE(counter(), 1);
}

TEST_F(DriverCut, BeginsASnapshotOnAnotherSessionIfOneIsLost) {
  connect({.snapshots = 2});
  auto snapshot = env_.run(client_->snapshot());
  ASSERT_TRUE(snapshot.ok());
  proxy_->cut_after(Direction::kToClient, 0, 0);
  EXPECT_TRUE(env_.run((*snapshot)->query("SELECT 1", {}, 1)).ok());
  EXPECT_TRUE(proxy_->has_cut());
}

TEST_F(DriverCut, EndsASnapshotWhoseSessionIsLost) {
  connect({.snapshots = 1});
  auto snapshot = env_.run(client_->snapshot());
  ASSERT_TRUE(snapshot.ok());
  ASSERT_TRUE(env_.run((*snapshot)->query("SELECT 1", {}, 1)).ok());
  proxy_->cut_after(Direction::kToClient, 0, 0);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(env_.run((*snapshot)->query("SELECT 1", {}, 1)).status().code(),
              absl::StatusCode::kUnavailable);
  }
  snapshot->reset();
  auto next = env_.run(client_->snapshot());
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(env_.run((*next)->query("SELECT 1", {}, 1)).ok());
}

class DriverKeys : public DriverCut {
 protected:
  static Batch WithKey(Batch batch, std::string hash, std::string answer) {
    batch.set_idempotency_key("key", std::move(hash), std::move(answer));
    return batch;
  }
};

TEST_F(DriverKeys, MakeTheSameRequestHappenOnce) {
  const Outcome first = commit(WithKey(Numbered(1), "hash", "first"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first.resolved());
  const Outcome again = commit(WithKey(Numbered(1), "hash", "again"));
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_TRUE(again.resolved());
  EXPECT_EQ(again.answer(), "first");
  EXPECT_EQ(counter(), 1);
}

TEST_F(DriverKeys, ArentForAnotherRequest) {
  ASSERT_TRUE(commit(WithKey(Numbered(1), "hash", "")).ok());
  const Outcome other = commit(WithKey(Numbered(2), "other hash", ""));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.failure()->failure_class, FailureClass::kGuard);
  EXPECT_EQ(other.failure()->constraint, kIdempotencyGuard);
  EXPECT_EQ(ReasonOf(other.status()), Reason::kRequestIdReused);
  EXPECT_EQ(counter(), 1);
}

TEST_F(DriverKeys, StayFreeWhenTheBatchFails) {
  Batch failing = Numbered(1);
  failing.add(Step{.sql = "SELECT false", .expect = Expect::Guard()});
  EXPECT_FALSE(commit(WithKey(std::move(failing), "hash", "")).ok());
  const Outcome again = commit(WithKey(Numbered(1), "hash", ""));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again.resolved());
}

TEST_F(DriverKeys, OneOfAHundredClientsWins) {
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 100; ++i) {
    batches.push_back(WithKey(Numbered(i), "hash", std::to_string(i)));
  }
  int winners = 0;
  std::string answer;
  const std::vector<Outcome> outcomes = commit_together(std::move(batches));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_TRUE(outcomes[i].ok()) << outcomes[i].status();
    if (outcomes[i].resolved()) continue;
    ++winners;
    answer = std::to_string(i);
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(counter(), 1);
  for (const Outcome& outcome : outcomes) {
    if (outcome.resolved()) {
      EXPECT_EQ(outcome.answer(), answer);
    }
  }
}

TEST_F(DriverKeys, AreForgottenInTime) {
  for (int64_t i = 0; i < 5; ++i) {
    Batch batch = Numbered(i);
    batch.set_idempotency_key("key " + std::to_string(i));
    ASSERT_TRUE(commit(std::move(batch)).ok());
  }
  const Timestamp now = env_.clock().now();
  EXPECT_EQ(*env_.run(database_->forget_keys(now + Seconds(-3600), 100)), 0);
  EXPECT_EQ(*env_.run(database_->forget_keys(now + Seconds(3600), 3)), 3);
  EXPECT_EQ(*env_.run(database_->forget_keys(now + Seconds(3600), 100)), 2);
}

class DriverKilled : public DriverCut {
 protected:
  void terminate_all() {
    script(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        "current_database() AND pid <> pg_backend_pid()");
  }
};

TEST_F(DriverKilled, IdleSessionsAreReplacedUnnoticed) {
  HF_COVERS("T9");
  connect({});
  for (int64_t i = 0; i < 20; ++i) {
    const Outcome outcome = env_.run(client_->commit(Numbered(i)));
    // It may be told in the very moment of sending.
    if (!outcome.ok()) {
      EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kAmbiguous) << outcome.status();
    }
    terminate_all();
  }
  EXPECT_EQ(counter(), count("t"));
  EXPECT_GE(client_->stats().lost, 19);
}

TEST_F(DriverKilled, WhatASessionWasAtIsDoneByAnother) {
  HF_COVERS("T9");
  connect({.max_attempts = 100, .max_retry_time = Seconds(30)});
  Batch batch = Numbered(1);
  batch.add(Step{.sql = "SELECT pg_sleep(0.4)"});
  auto outcome = boost::asio::co_spawn(env_.executor(), client_->commit(std::move(batch)),
                                       boost::asio::use_future);
  while (query("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' "
               "AND pid <> pg_backend_pid() AND datname = current_database()")
             .empty()) {
  }
  terminate_all();
  // The server has said that it threw it out: it hasn't happened, even without a key.
  const Outcome done = outcome.get();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(counter(), 1);
  EXPECT_GE(client_->stats().retries, 1);
}

TEST_F(DriverKilled, AtAnyTimeEachBatchHappensOnce) {
  HF_COVERS("T9");
  connect({.connections = 4, .max_attempts = 1000, .max_retry_time = Seconds(60)});
  constexpr int64_t kRounds = 12;
  constexpr int64_t kBatches = 50;
  for (int64_t round = 0; round < kRounds; ++round) {
    std::vector<std::future<Outcome>> waiting;
    for (int64_t i = round * kBatches; i < (round + 1) * kBatches; ++i) {
      Batch batch = Numbered(i);
      batch.set_idempotency_key("key " + std::to_string(i), "hash", "answer");
      waiting.push_back(boost::asio::co_spawn(env_.executor(), client_->commit(std::move(batch)),
                                              boost::asio::use_future));
    }
    terminate_all();
    terminate_all();
    for (auto& future : waiting) {
      const Outcome outcome = future.get();
      EXPECT_TRUE(outcome.ok()) << outcome.status();
    }
  }
  EXPECT_EQ(counter(), kRounds * kBatches);
  EXPECT_EQ(count("t"), kRounds * kBatches);
  EXPECT_GT(client_->stats().lost, 5);
}

TEST_F(DriverKilled, WithTheWholeServerItComesBack) {
  HF_COVERS("T9");
  const auto cluster = PostgresCluster::Start();
  const std::string dsn = cluster->create_database();
  client_ = open_another({.dsn = dsn,
                          .max_attempts = 10000,
                          .max_retry_time = Seconds(60),
                          .resolve_timeout = Seconds(60)});
  ASSERT_NE(client_, nullptr);
  ASSERT_TRUE(env_.run(client_->run_script("CREATE TABLE t (id bigint, name text, n int); CREATE "
                                           "TABLE counter AS SELECT 0::bigint AS n"))
                  .ok());
  for (const auto how : {PostgresCluster::Stop::kKill, PostgresCluster::Stop::kImmediate}) {
    std::vector<std::future<Outcome>> waiting;
    for (int64_t i = 0; i < 50; ++i) {
      Batch batch = Numbered(i);
      batch.set_idempotency_key("key " + std::to_string(i) + " " +
                                std::to_string(static_cast<int>(how)));
      waiting.push_back(boost::asio::co_spawn(env_.executor(), client_->commit(std::move(batch)),
                                              boost::asio::use_future));
    }
    waiting[10].wait();
    cluster->stop(how);
    cluster->start();
    for (auto& future : waiting) {
      const Outcome outcome = future.get();
      EXPECT_TRUE(outcome.ok()) << outcome.status();
    }
  }
  const auto n = cluster->sql("SELECT n FROM counter", dsn.substr(dsn.rfind('=') + 1));
  EXPECT_EQ(*n, "100");
}

TEST_F(DriverTest, FindsTheHostThatAnswers) {
  const std::string name = dsn_.substr(dsn_.rfind('=') + 1);
  const std::string real = std::to_string(PostgresCluster::Shared().port());
  const auto other = open_another({.dsn = PostgresCluster::Shared().tcp_dsn(name) +
                                          " host=127.0.0.1,127.0.0.1 port=1," + real});
  ASSERT_NE(other, nullptr);
  Batch batch("test");
  batch.add(Insert(1, "one"));
  EXPECT_TRUE(env_.run(other->commit(std::move(batch))).ok());
}

}  // namespace
}  // namespace holdfast::batch
