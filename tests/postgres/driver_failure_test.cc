// Each way in which a batch fails: which step, which execution, what was observed; nothing stays.
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "tests/postgres/driver_fixture.h"

namespace holdfast::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DriverFailure : public DriverTest {
 protected:
  // Commits an insertion and `step` behind it; that step must fail, and nothing stay.
  Failure fails(Step step) {
    Batch batch("test");
    batch.add(Insert(100, "before"));
    step.label = "culprit";
    batch.add(std::move(step));
    batch.add(Insert(101, "behind"));
    const int64_t before = count("t");
    const Outcome outcome = commit(std::move(batch));
    EXPECT_FALSE(outcome.ok());
    if (outcome.ok()) return {};
    EXPECT_EQ(outcome.failure()->step, 1u) << outcome.status();
    EXPECT_EQ(outcome.failure()->label, "test/culprit");
    EXPECT_EQ(count("t"), before);
    return *outcome.failure();
  }
};

TEST_F(DriverFailure, NamesTheConstraint) {
  HF_COVERS("T2", "T6");
  script("CREATE TABLE child (t bigint CONSTRAINT child_of REFERENCES t, m text NOT NULL)");
  ASSERT_TRUE(commit(Insert(1, "taken")).ok());

  Failure failure = fails(Step{.sql = "INSERT INTO t (id, name) VALUES ($1, $2)",
                               .binds = {{Number(2), Text("free")}, {Number(3), Text("taken")}}});
  EXPECT_EQ(failure.failure_class, FailureClass::kConstraint);
  EXPECT_EQ(failure.constraint, "t_name_key");
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_EQ(failure.sqlstate, "23505");

  failure = fails(Insert(4, "x", -1));
  EXPECT_EQ(failure.constraint, "t_n_check");
  EXPECT_EQ(failure.sqlstate, "23514");

  failure = fails(Step{.sql = "INSERT INTO child VALUES (77, 'x')"});
  EXPECT_EQ(failure.constraint, "child_of");
  EXPECT_EQ(failure.sqlstate, "23503");

  failure = fails(Step{.sql = "INSERT INTO child VALUES (1, NULL)"});
  EXPECT_EQ(failure.constraint, "not_null(child.m)");
  EXPECT_EQ(failure.sqlstate, "23502");
}

TEST_F(DriverFailure, AsksAfterAConstraintWhatStoodInTheWay) {
  ASSERT_TRUE(commit(Insert(1, "taken")).ok());
  Step step = Insert(2, "taken");
  step.observe = "SELECT id, name FROM t WHERE name = $2";
  EXPECT_THAT(fails(step).observed, ElementsAre(Number(1), Text("taken")));
}

TEST_F(DriverFailure, ReportsGuardsWithWhatTheySaw) {
  HF_COVERS("T2");
  ASSERT_TRUE(commit(Insert(1, "one", 5)).ok());
  Step guard{.sql =
                 "SELECT n > $2::int, n, name, n / 2.0::float8, NULL, true "
                 "FROM t WHERE id = $1::bigint FOR SHARE",
             .binds = {{Number(1), Number(4)}, {Number(1), Number(5)}},
             .expect = Expect::Guard(),
             .guard_name = "enough"};
  Failure failure = fails(guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kGuard);
  EXPECT_EQ(failure.constraint, "enough");
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_EQ(failure.sqlstate, "HF001");
  EXPECT_THAT(failure.observed,
              ElementsAre(Number(5), Text("one"), Value(2.5), Value(Null{}), Number(1)));

  // No row at all is no guard that holds; what observe says is reported.
  guard.binds = {{Number(9), Number(0)}};
  guard.observe = "SELECT 'no such', $1::bigint";
  failure = fails(guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kGuard);
  EXPECT_EQ(failure.rows, 0);
  EXPECT_THAT(failure.observed, ElementsAre(Text("no such"), Number(9)));

  // Nor are two, or an unknown.
  guard.sql = "SELECT true FROM generate_series(1, 2) WHERE $1::int + $2::int IS NOT NULL";
  EXPECT_EQ(fails(guard).rows, 2);
  guard.sql = "SELECT NULL::bool WHERE $1::int + $2::int IS NOT NULL";
  EXPECT_EQ(fails(guard).failure_class, FailureClass::kGuard);
}

TEST_F(DriverFailure, ReportsTheLowestBindRowOfASetWhoseGuardFails) {
  HF_COVERS("T2");
  ASSERT_TRUE(commit(Insert(1, "one", 5)).ok());
  ASSERT_TRUE(commit(Insert(2, "two", 6)).ok());
  ASSERT_TRUE(commit(Insert(3, "three", 7)).ok());
  Step guard{.sql =
                 "SELECT u.o, t.n = u.n, t.name FROM unnest($1::bigint[], $2::int[]) WITH "
                 "ORDINALITY AS u(id, n, o) JOIN t ON t.id = u.id ORDER BY u.o DESC",
             .binds = {{Number(1), Number(5)}, {Number(2), Number(0)}, {Number(3), Number(0)}},
             .expect = Expect::Guard(),
             .guard_name = "as planned",
             .takes = Step::Takes::kSet};
  Failure failure = fails(guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kGuard);
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_THAT(failure.observed, ElementsAre(Text("two")));

  guard.binds[1] = {Number(22), Number(6)};  // no row at all
  guard.observe = "SELECT $1::bigint + 1, $2::int";
  failure = fails(guard);
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_THAT(failure.observed, ElementsAre(Number(23), Number(6)));
}

TEST_F(DriverFailure, ReportsRowCounts) {
  HF_COVERS("T2");
  ASSERT_TRUE(commit(Insert(1, "one")).ok());
  Step update{.sql = "UPDATE t SET n = $2 WHERE id IN ($1::bigint, $1::bigint + 99)",
              .binds = {{Number(1), Number(1)}, {Number(7), Number(1)}},
              .expect = Expect::Exactly(2),
              .observe = "SELECT count(*), $1::text FROM t WHERE n = 1"};
  Failure failure = fails(update);
  EXPECT_EQ(failure.failure_class, FailureClass::kRowCount);
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_EQ(failure.rows, 0);
  // It sees the transaction as the failed statement left it.
  EXPECT_THAT(failure.observed, ElementsAre(Number(2), Text("7")));

  const auto rows = [this](std::string sql, Expect expect) {
    const Failure f = fails(Step{.sql = std::move(sql), .expect = expect});
    EXPECT_EQ(f.failure_class, FailureClass::kRowCount);
    return f.rows;
  };
  EXPECT_EQ(rows("SELECT id FROM t", Expect::AtMost(1)), 2);
  EXPECT_EQ(rows("SELECT id FROM t -- all of them", Expect::AtLeast(3)), 2);
  EXPECT_EQ(rows("DELETE FROM t RETURNING id;", Expect::Exactly(0)), 2);
  EXPECT_EQ(rows("INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING", Expect::Exactly(1)), 0);
  EXPECT_EQ(rows("WITH w AS (SELECT 1), x AS (UPDATE t SET n = 2 WHERE id = 1 RETURNING 1) "
                 "DELETE FROM t WHERE id = 77",
                 Expect::Exactly(1)),
            0);
  EXPECT_EQ(rows("WITH w(a) AS (VALUES (1)) SELECT a FROM w WHERE a = 2", Expect::Exactly(1)), 0);
}

TEST_F(DriverFailure, ReportsRowCountsOfSets) {
  Step update{.sql =
                  "UPDATE t SET n = 1 FROM unnest($1::bigint[]) WITH ORDINALITY AS u(id, o) "
                  "WHERE t.id = u.id RETURNING u.o",
              .binds = {{Number(100)}, {Number(55)}, {Number(56)}},
              .expect = Expect::Exactly(1),
              .observe = "SELECT 'missing', $1::bigint",
              .takes = Step::Takes::kSet};
  Failure failure = fails(update);
  EXPECT_EQ(failure.failure_class, FailureClass::kRowCount);
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_EQ(failure.rows, 0);
  EXPECT_THAT(failure.observed, ElementsAre(Text("missing"), Number(55)));

  update.expect = Expect::Exactly(0);
  failure = fails(update);
  EXPECT_EQ(failure.execution, 0u);
  EXPECT_EQ(failure.rows, 1);

  update.expect = Expect::AtLeast(1);
  EXPECT_EQ(fails(update).execution, 1u);
  update.sql =
      "SELECT u.o FROM unnest($1::bigint[]) WITH ORDINALITY AS u(id, o), "
      "generate_series(1, CASE WHEN u.id = 56 THEN 3 ELSE 1 END)";
  update.expect = Expect::AtMost(2);
  EXPECT_EQ(fails(update).execution, 2u);
}

TEST_F(DriverFailure, CallsPositionsThatNoBindRowHasABug) {
  for (const std::string_view positions : {"1, 2, 3", "0, 1, 2", "1, 2, NULL"}) {
    const Step step{.sql = absl::StrCat("SELECT o FROM unnest(ARRAY[", ToAbsl(positions),
                                        "]) AS o WHERE $1::bigint[] IS NOT NULL"),
                    .binds = {{Number(7)}, {Number(8)}},
                    .expect = Expect::Exactly(1),
                    .takes = Step::Takes::kSet};
    EXPECT_EQ(fails(step).sqlstate, "HF003") << positions;
  }
}

TEST_F(DriverFailure, CallsWrongStatementsBugs) {
  EXPECT_EQ(fails(Step{.sql = "SELEC 1"}).failure_class, FailureClass::kBug);
  EXPECT_EQ(fails(Step{.sql = "SELECT 1 / 0"}).sqlstate, "22012");
  EXPECT_EQ(fails(Step{.sql = "SELECT $1::int", .binds = {{Text("x")}}}).failure_class,
            FailureClass::kBug);
  EXPECT_EQ(fails(Step{.sql = "LOCK TABLE t", .expect = Expect::Exactly(1)}).failure_class,
            FailureClass::kBug);
  // PostgreSQL's text can't hold it; libpq would silently end there.
  const Failure nul = fails(Insert(3, std::string("a\0b", 3)));
  EXPECT_EQ(nul.failure_class, FailureClass::kBug);
  EXPECT_EQ(nul.sqlstate, "22021");
}

TEST_F(DriverFailure, OfADeferredConstraintIsTheCommits) {
  script("CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  for (const auto mode : {Batch::Mode::kCommit, Batch::Mode::kRehearse}) {
    Batch batch("test");
    batch.add(Insert(1, "one"));
    batch.add(Step{.sql = "INSERT INTO d VALUES (1), (1)"});
    batch.set_mode(mode);
    const Outcome outcome = commit(std::move(batch));
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.failure()->step, 2u);
    EXPECT_EQ(outcome.failure()->label, "test/commit");
    EXPECT_EQ(outcome.failure()->constraint, "d_a_key");
    EXPECT_EQ(count("t"), 0);
  }
}

class DriverNeighbours : public DriverTest,
                         public ::testing::WithParamInterface<PostgresOptions::Transactions> {};

TEST_P(DriverNeighbours, AreNotDisturbedByAFailure) {
  HF_COVERS("T9");
  script("CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  open({.transactions = GetParam(), .connections = 1, .max_in_flight_per_connection = 16});
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 120; ++i) {
    Batch batch("test");
    batch.add(Insert(i, "name " + std::to_string(i)));
    if (i % 4 == 1) batch.add(Insert(i, "same id"));
    if (i % 4 == 2) batch.add(Step{.sql = "SELECT false", .expect = Expect::Guard()});
    if (i % 4 == 3) batch.add(Step{.sql = "INSERT INTO d VALUES (1), (1)"});
    batches.push_back(std::move(batch));
  }
  const std::vector<Outcome> outcomes = commit_together(std::move(batches));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].ok(), i % 4 == 0) << i << outcomes[i].status();
    if (i % 4 == 0 || outcomes[i].ok()) continue;
    EXPECT_EQ(outcomes[i].failure()->step, i % 4 == 3 ? 2u : 1u);
  }
  EXPECT_EQ(count("t"), 30);
  EXPECT_EQ(database_->stats().lost, 0);
}

INSTANTIATE_TEST_SUITE_P(Both, DriverNeighbours,
                         ::testing::Values(PostgresOptions::Transactions::kImplicit,
                                           PostgresOptions::Transactions::kExplicit));

class DriverRetries : public DriverTest {
 protected:
  static Batch Increment() {
    Batch batch("test");
    batch.add(Step{.sql = "SELECT n, pg_sleep(0.005) FROM t WHERE id = 1"});
    batch.add(Step{.sql = "UPDATE t SET n = n + 1 WHERE id = 1", .expect = Expect::Exactly(1)});
    return batch;
  }
};

TEST_F(DriverRetries, WhatLostAgainstOthersIsSentAgain) {
  open(
      {.isolation = Isolation::kSerializable, .max_attempts = 1000, .max_retry_time = Seconds(60)});
  ASSERT_TRUE(commit(Insert(1, "one")).ok());
  std::vector<Batch> batches;
  for (int i = 0; i < 60; ++i) batches.push_back(Increment());
  for (const Outcome& outcome : commit_together(std::move(batches))) {
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
  EXPECT_THAT(query("SELECT n FROM t"), ElementsAre(Row{Number(60)}));
  EXPECT_GT(database_->stats().retries, 0);
}

TEST_F(DriverRetries, ADeadlocksVictimIsSentAgain) {
  ASSERT_TRUE(commit(Insert(1, "one")).ok());
  ASSERT_TRUE(commit(Insert(2, "two")).ok());
  script("ALTER DATABASE " + dsn_.substr(dsn_.rfind('=') + 1) + " SET deadlock_timeout = '5ms'");
  open({.max_attempts = 100, .max_retry_time = Seconds(30)});
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 40; ++i) {
    Batch batch("test");
    for (const int64_t id : {1 + i % 2, 2 - i % 2}) {
      batch.add(Step{.sql = "UPDATE t SET n = n + 1 WHERE id = $1", .binds = {{id}}});
      batch.add(Step{.sql = "SELECT pg_sleep(0.001)"});
    }
    batches.push_back(std::move(batch));
  }
  for (const Outcome& outcome : commit_together(std::move(batches))) {
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
  EXPECT_THAT(query("SELECT n FROM t"), ElementsAre(Row{Number(40)}, Row{Number(40)}));
  EXPECT_GT(database_->stats().retries, 0);
}

TEST_F(DriverRetries, EndAtTheirBound) {
  const Step hopeless{.sql = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"};
  const Outcome outcome = commit(hopeless);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kRetryable);
  EXPECT_EQ(ReasonOf(outcome.status()), Reason::kConflict);
  EXPECT_EQ(database_->stats().attempts, 8);

  open({.max_attempts = 1000000, .max_retry_time = Milliseconds(300)});
  const Duration begin = env_.clock().monotonic();
  EXPECT_EQ(commit(hopeless).failure()->failure_class, FailureClass::kRetryable);
  EXPECT_LT((env_.clock().monotonic().value() - begin.value()) / 1000, 3000);
}

TEST_F(DriverFailure, MayHaveToDoWithWhatWasPreparedBefore) {
  open({.connections = 1});
  script("CREATE TABLE v (a int); INSERT INTO v VALUES (1)");
  Batch first("test");
  const StepHandle read = first.add(Step{.sql = "SELECT * FROM v"});
  Batch second = first;
  ASSERT_TRUE(commit(std::move(first)).ok());
  script("ALTER TABLE v ADD COLUMN b int DEFAULT 2");
  const Outcome outcome = commit(std::move(second));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(read), ElementsAre(Row{Number(1), Number(2)}));
}

TEST_F(DriverTest, PreparesAnyNumberOfStatementsWithinItsBound) {
  open({.connections = 1});
  for (int i = 0; i < 700; ++i) {
    Batch batch("test");
    const StepHandle one = batch.add(Step{.sql = "SELECT 1 + " + std::to_string(i)});
    const Outcome outcome = commit(std::move(batch));
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_THAT(outcome.rows(one), ElementsAre(Row{Number(1 + i)}));
  }
  Batch batch("test");
  const StepHandle held = batch.add(Step{.sql = "SELECT count(*) FROM pg_prepared_statements"});
  const Outcome outcome = commit(std::move(batch));
  EXPECT_LE(std::get<int64_t>(outcome.rows(held)[0][0]), 302);
}

// What a session prepares is given up again between transactions, not within a snapshot's.
TEST_F(DriverTest, ASnapshotIsOneAlsoOnASessionThatHasMuchToForget) {
  open({.snapshots = 1});
  for (int round = 0; round < 350; ++round) {
    auto snapshot = env_.run(database_->snapshot());
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    const std::string sql = "SELECT $1::int + " + std::to_string(round);
    const auto each = env_.run((*snapshot)->query_each(sql, {{Number(1)}, {Number(2)}}, 1));
    ASSERT_TRUE(each.ok()) << each.status();
    EXPECT_EQ((*each)[1][0], Row{Number(2 + round)});
  }
}

TEST_F(DriverTest, RefusesBatchesThatWouldWaitTooLong) {
  open({.connections = 1,
        .max_in_flight_per_connection = 1,
        .max_queued = 2,
        .queue_timeout = Milliseconds(200)});
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 5; ++i) {
    Batch batch("test");
    batch.add(Insert(i, "name " + std::to_string(i)));
    batch.add(Step{.sql = "SELECT pg_sleep(0.5)"});
    batches.push_back(std::move(batch));
  }
  const std::vector<Outcome> outcomes = commit_together(std::move(batches));
  int64_t committed = 0;
  int64_t late = 0;
  int64_t refused = 0;
  for (const Outcome& outcome : outcomes) {
    if (outcome.ok()) ++committed;
    if (outcome.ok()) continue;
    EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kUnavailable);
    late += outcome.failure()->message.starts_with("waited too long") ? 1 : 0;
    refused += outcome.failure()->message.starts_with("too many wait") ? 1 : 0;
  }
  EXPECT_EQ(committed, 1);
  EXPECT_EQ(late, 2);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(count("t"), 1);
}

TEST_F(DriverTest, StopsAStatementThatTakesTooLong) {
  open({.max_retry_time = Milliseconds(1), .statement_timeout = Milliseconds(100)});
  Batch batch("test");
  batch.add(Insert(1, "one"));
  batch.add(Step{.sql = "SELECT pg_sleep(30)"});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kUnavailable);
  EXPECT_EQ(outcome.failure()->sqlstate, "57014");
  EXPECT_EQ(outcome.failure()->step, 1u);
  EXPECT_EQ(count("t"), 0);
}

TEST_F(DriverTest, GoesCleanlyWithBatchesInFlight) {
  std::vector<std::future<Outcome>> waiting;
  for (int i = 0; i < 40; ++i) {
    Batch batch("test");
    batch.add(Insert(i, "name " + std::to_string(i)));
    batch.add(Step{.sql = "SELECT pg_sleep(0.05)"});
    waiting.push_back(boost::asio::co_spawn(env_.executor(), database_->commit(std::move(batch)),
                                            boost::asio::use_future));
  }
  waiting.front().wait();
  database_.reset();
  int64_t committed = 0;
  int64_t ambiguous = 0;
  for (auto& future : waiting) {
    const Outcome outcome = future.get();
    if (outcome.ok()) ++committed;
    if (!outcome.ok() && outcome.failure()->failure_class == FailureClass::kAmbiguous) ++ambiguous;
  }
  open({});
  EXPECT_LE(committed, count("t"));
  EXPECT_LE(count("t"), committed + ambiguous);
}

TEST_F(DriverTest, WantsWhatIsAcknowledgedToLast) {
  const auto opened =
      env_.run(OpenPostgres(env_, {.dsn = dsn_, .settings = {{"synchronous_commit", "off"}}}));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DriverTest, SaysWhyADatabaseCantBeOpened) {
  const auto open_status = [this](std::string dsn) {
    return env_.run(OpenPostgres(env_, {.dsn = std::move(dsn)})).status();
  };
  EXPECT_EQ(open_status("host=/nonexistent").code(), absl::StatusCode::kUnavailable);
  const absl::Status wrong = open_status("host=/tmp password='secret");
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(wrong.ToString(), ::testing::Not(::testing::HasSubstr("secret")));
  EXPECT_THAT(open_status("host=/nonexistent password=secret").ToString(),
              ::testing::Not(::testing::HasSubstr("secret")));
}

}  // namespace
}  // namespace holdfast::batch
