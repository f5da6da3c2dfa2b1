#include "holdfast/batch/sqlite/sqlite_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/testing/covers.h"

namespace holdfast::batch::sqlite {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A ManualEnv whose workers can be made to wait, so that a test decides what is queued when they
// go.
class HeldEnv final : public Env {
 public:
  [[nodiscard]] Clock& clock() override { return env.clock(); }
  [[nodiscard]] Random& random() override { return env.random(); }
  [[nodiscard]] Executor executor() override { return env.executor(); }
  [[nodiscard]] Task<void> sleep(Duration d) override { return env.sleep(d); }
  void post_after(Duration d, std::function<void()> f) override { env.post_after(d, std::move(f)); }
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override {
    return std::make_unique<HeldWorker>(*this, env.make_worker(name));
  }

  void hold() { holding_ = true; }
  void let_go() {
    holding_ = false;
    for (auto& work : std::exchange(held_, {})) work();
  }

  ManualEnv env;

 private:
  class HeldWorker final : public Worker {
   public:
    HeldWorker(HeldEnv& held, std::unique_ptr<Worker> worker)
        : held_(held), worker_(std::move(worker)) {}
    ~HeldWorker() override { held_.let_go(); }
    HeldWorker(const HeldWorker&) = delete;
    HeldWorker& operator=(const HeldWorker&) = delete;
    void post(std::function<void()> work) override {
      if (!held_.holding_) return worker_->post(std::move(work));
      held_.held_.push_back([this, work = std::move(work)] { worker_->post(work); });
    }

   private:
    HeldEnv& held_;
    std::unique_ptr<Worker> worker_;
  };

  bool holding_ = false;
  std::vector<std::function<void()>> held_;
};

Task<void> Answer(SqliteDatabase& database, Batch batch, std::optional<Outcome>& answer) {
  Outcome outcome = co_await database.commit(std::move(batch));
  answer = std::move(outcome);
}

class SqliteDatabaseTest : public ::testing::Test {
 protected:
  void open(SqliteOptions options = {}) {
    if (options.path.empty()) options.path = ":memory:";
    database_.reset();
    auto opened = SqliteDatabase::Open(held_, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
  }
  void execute(const std::string& script) {
    const absl::Status done = database_->setup().execute(script);
    ASSERT_TRUE(done.ok()) << done;
  }

  Outcome commit(Batch batch) { return env_.run(database_->commit(std::move(batch))); }
  Outcome commit(Step step) {
    Batch batch("test");
    batch.add(std::move(step));
    return commit(std::move(batch));
  }

  // All are queued before the writer begins, in their order.
  std::vector<Outcome> commit_together(std::vector<Batch> batches) {
    std::vector<std::optional<Outcome>> outcomes(batches.size());
    held_.hold();
    for (size_t i = 0; i < batches.size(); ++i) {
      Spawn(env_, Answer(*database_, std::move(batches[i]), outcomes[i]));
      env_.run_until_idle();
    }
    held_.let_go();
    env_.run_until_idle();
    std::vector<Outcome> answers;
    for (auto& outcome : outcomes) answers.push_back(std::move(outcome).value());
    return answers;
  }

  std::vector<Row> query(const std::string& sql) {
    auto snapshot = env_.run(database_->snapshot());
    if (!snapshot.ok()) return {{std::string(snapshot.status().message())}};
    auto rows = env_.run((*snapshot)->query(sql, {}, 1000));
    if (!rows.ok()) return {{std::string(rows.status().message())}};
    return *std::move(rows);
  }
  int64_t number(const std::string& sql) { return std::get<int64_t>(query(sql)[0][0]); }

  HeldEnv held_;
  ManualEnv& env_ = held_.env;
  std::unique_ptr<SqliteDatabase> database_;
};

Batch One(Step step, std::string_view label = "test") {
  Batch batch(label);
  batch.add(std::move(step));
  return batch;
}

Step InsertName(std::string name) {
  return {
      .label = "insert", .sql = "INSERT INTO t(name) VALUES ($1)", .binds = {{std::move(name)}}};
}

// --- one batch ----------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, CommitsAllStatementsOrNone) {
  HF_COVERS("T1");
  open();
  execute(
      "CREATE TABLE t(name TEXT UNIQUE); CREATE TABLE counter(n INTEGER); "
      "INSERT INTO counter VALUES (0)");
  const auto both = [](std::string name) {
    Batch batch("both");
    batch.add(Step{.sql = "UPDATE counter SET n = n + 1"});
    batch.add(InsertName(std::move(name)));
    return batch;
  };

  EXPECT_TRUE(commit(both("a")).ok());
  EXPECT_FALSE(commit(both("a")).ok());

  EXPECT_EQ(number("SELECT n FROM counter"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

TEST_F(SqliteDatabaseTest, BindsAndReturnsTypedValues) {
  HF_COVERS("T4");
  open();
  execute("CREATE TABLE v(a, b, c, d, e)");
  const Row values = {Null{}, int64_t{-5}, 2.5, std::string("text with \0 in it", 17),
                      Blob{std::string("\x00\xff", 2)}};
  Batch batch("values");
  const StepHandle written =
      batch.add(Step{.sql = "INSERT INTO v VALUES ($1, $2, $3, $4, $5) RETURNING e, d, c, b, a",
                     .binds = {values}});
  const StepHandle read = batch.add(Step{.sql = "SELECT * FROM v"});
  const Outcome outcome = commit(std::move(batch));

  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome.rows(read), std::vector<Row>{values});
  EXPECT_EQ(outcome.rows(written), (std::vector<Row>{Row(values.rbegin(), values.rend())}));
}

TEST_F(SqliteDatabaseTest, RunsAStatementForEachRowOfBinds) {
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  Batch batch("many");
  const StepHandle rows = batch.add(Step{.sql = "INSERT INTO t VALUES ($1) RETURNING name",
                                         .binds = {{std::string("a")}, {std::string("b")}}});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(rows), ElementsAre(Row{std::string("a")}, Row{std::string("b")}));
}

TEST_F(SqliteDatabaseTest, TakesParametersByNumber) {
  open();
  Batch batch("order");
  const StepHandle row = batch.add(
      Step{.sql = "SELECT $2, $1, $2", .binds = {{std::string("first"), std::string("second")}}});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome.rows(row)[0],
            (Row{std::string("second"), std::string("first"), std::string("second")}));
}

TEST_F(SqliteDatabaseTest, LetsLaterStepsSeeEarlierOnes) {
  HF_COVERS("T1", "T4");
  open();
  execute(
      "CREATE TABLE sequence(n INTEGER); INSERT INTO sequence VALUES (0); "
      "CREATE TABLE t(name TEXT, n INTEGER)");
  for (int64_t i = 1; i <= 3; ++i) {
    Batch batch("numbered");
    const StepHandle next = batch.add(Step{.sql = "UPDATE sequence SET n = n + 1 RETURNING n"});
    batch.add(Step{.sql = "INSERT INTO t VALUES ('x', (SELECT n FROM sequence))"});
    EXPECT_EQ(commit(std::move(batch)).rows(next)[0][0], Value(i));
  }
  EXPECT_EQ(number("SELECT count(DISTINCT n) FROM t"), 3);
}

TEST_F(SqliteDatabaseTest, RehearsesABatchWithoutATrace) {
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  const auto rehearsal = [](std::string name) {
    Batch batch("rehearsal");
    batch.add(
        Step{.sql = "INSERT INTO t VALUES ($1) RETURNING name", .binds = {{std::move(name)}}});
    batch.set_mode(Batch::Mode::kRehearse);
    return batch;
  };
  const Outcome outcome = commit(rehearsal("a"));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.rows(StepHandle{0}).size(), 1u);
  EXPECT_EQ(number("SELECT count(*) FROM t"), 0);

  const auto together = commit_together({One(InsertName("a")), rehearsal("a"), rehearsal("b")});
  EXPECT_TRUE(together[0].ok());
  EXPECT_FALSE(together[1].ok()) << "its neighbour has the name";
  EXPECT_TRUE(together[2].ok());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

// --- how it fails -------------------------------------------------------------------------------

class SqliteFailures : public SqliteDatabaseTest {
 protected:
  void SetUp() override {
    open();
    execute(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, a INTEGER, b INTEGER, "
        "  used INTEGER CONSTRAINT not_negative CHECK (used >= 0), max INTEGER, title TEXT, "
        "  CONSTRAINT within_limit CHECK (used <= max), UNIQUE (a, b));"
        "CREATE UNIQUE INDEX t_title ON t(lower(title));"
        "CREATE TABLE child(t INTEGER REFERENCES t(id));"
        "CREATE TABLE typed(n INTEGER) STRICT;"
        "CREATE TRIGGER no_delete BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'stays'); END;"
        "INSERT INTO t VALUES (1, 'one', 1, 1, 3, 5, 'One')");
  }
  Failure fail(Step step) {
    const Outcome outcome = commit(std::move(step));
    EXPECT_FALSE(outcome.ok());
    return outcome.ok() ? Failure() : *outcome.failure();
  }
  std::string constraint(std::string sql) {
    const Failure failure = fail({.sql = std::move(sql)});
    EXPECT_EQ(failure.failure_class, FailureClass::kConstraint) << failure.message;
    return failure.constraint;
  }
};

TEST_F(SqliteFailures, NameTheConstraint) {
  HF_COVERS("T2");
  EXPECT_EQ(constraint("INSERT INTO t(name) VALUES ('one')"), "unique(t.name)");
  EXPECT_EQ(constraint("INSERT INTO t(name, a, b) VALUES ('two', 1, 1)"), "unique(t.a,t.b)");
  EXPECT_EQ(constraint("INSERT INTO t(id, name) VALUES (1, 'two')"), "unique(t.id)");
  EXPECT_EQ(constraint("INSERT INTO t(name, title) VALUES ('two', 'ONE')"), "unique(t_title)");
  EXPECT_EQ(constraint("INSERT INTO t(name) VALUES (NULL)"), "not_null(t.name)");
  EXPECT_EQ(constraint("INSERT INTO child VALUES (77)"), "foreign_key");
  EXPECT_EQ(constraint("DELETE FROM t"), "stays");
}

TEST_F(SqliteFailures, TellCheckViolationsApart) {
  HF_COVERS("T2", "T6");
  EXPECT_EQ(constraint("UPDATE t SET used = used + 3"), "within_limit");
  EXPECT_EQ(constraint("UPDATE t SET used = used - 4"), "not_negative");
  EXPECT_EQ(number("SELECT used FROM t"), 3);
}

TEST_F(SqliteFailures, CountAgainstLimitsTogetherWithWhatIsCounted) {
  HF_COVERS("T6");
  const auto create = [](std::string name) {
    Batch batch("create");
    batch.add(InsertName(std::move(name)));
    Step take{.label = "limit", .sql = "UPDATE t SET used = used + 1 WHERE id = 1"};
    take.observe = "SELECT used, max FROM t WHERE id = 1";
    take.errors.on_constraint("within_limit", [](const Failure& failure) {
      return MakeError(Reason::kLimitExceeded,
                       absl::StrCat(std::get<int64_t>(failure.observed[0]), " of ",
                                    std::get<int64_t>(failure.observed[1])));
    });
    batch.add(std::move(take));
    return batch;
  };
  EXPECT_TRUE(commit(create("a")).ok());
  EXPECT_TRUE(commit(create("b")).ok());
  const Outcome full = commit(create("c"));
  EXPECT_EQ(ReasonOf(full.status()), Reason::kLimitExceeded);
  EXPECT_EQ(full.status().message(), "5 of 5");
  EXPECT_EQ(number("SELECT used FROM t WHERE id = 1"), 5);
  EXPECT_EQ(number("SELECT count(*) FROM t"), 3);
}

TEST_F(SqliteFailures, UseOnesOwnNamesForConstraints) {
  open({.constraint_names = {{"unique(t.name)", "t_name_key"}}});
  execute("CREATE TABLE t(name TEXT UNIQUE); INSERT INTO t VALUES ('one')");
  EXPECT_EQ(constraint("INSERT INTO t VALUES ('one')"), "t_name_key");
}

TEST_F(SqliteFailures, ReportGuardsWithWhatTheySaw) {
  HF_COVERS("T2");
  Step guard{.label = "guard", .sql = "SELECT used < $1, used, name FROM t WHERE id = $2"};
  guard.expect = Expect::Guard();
  guard.guard_name = "room_left";
  guard.binds = {{int64_t{10}, int64_t{1}}, {int64_t{3}, int64_t{1}}};
  const Failure failure = fail(guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kGuard);
  EXPECT_EQ(failure.constraint, "room_left");
  EXPECT_EQ(failure.execution, 1u);
  EXPECT_EQ(failure.observed, (Row{int64_t{3}, std::string("one")}));

  guard.binds = {{int64_t{10}, int64_t{99}}};
  const Failure nothing = fail(guard);
  EXPECT_EQ(nothing.failure_class, FailureClass::kGuard);
  EXPECT_TRUE(nothing.observed.empty());
}

TEST_F(SqliteFailures, ReportRowCountsAndLookCloser) {
  HF_COVERS("T2");
  Step update{.sql = "UPDATE t SET a = 2 WHERE id = $1 AND a = $2"};
  update.expect = Expect::Exactly(1);
  update.observe = "SELECT a FROM t WHERE id = $1";
  update.binds = {{int64_t{1}, int64_t{7}}};
  const Failure failure = fail(update);
  EXPECT_EQ(failure.failure_class, FailureClass::kRowCount);
  EXPECT_EQ(failure.rows, 0);
  EXPECT_EQ(failure.observed, Row{int64_t{1}});

  update.binds = {{int64_t{2}, int64_t{7}}};
  EXPECT_TRUE(fail(update).observed.empty()) << "there is no such row";
}

TEST_F(SqliteFailures, SeeTheTransactionAsTheFailedStepLeftIt) {
  Batch batch("test");
  batch.add(Step{.sql = "UPDATE t SET a = 5"});
  Step none{.sql = "SELECT 1 WHERE 0", .expect = Expect::AtLeast(1)};
  none.observe = "SELECT a FROM t";
  batch.add(none);
  const Outcome outcome = commit(std::move(batch));
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.failure()->step, 1u);
  EXPECT_EQ(outcome.failure()->observed, Row{int64_t{5}});
  EXPECT_EQ(number("SELECT a FROM t"), 1);
}

TEST_F(SqliteFailures, CountReturnedRowsAndAffectedOnes) {
  const auto meets = [this](std::string sql, Expect expect) {
    return commit(Step{.sql = std::move(sql), .expect = expect}).ok();
  };
  EXPECT_TRUE(meets("SELECT 1 UNION ALL SELECT 2", Expect::Exactly(2)));
  EXPECT_FALSE(meets("SELECT 1 UNION ALL SELECT 2", Expect::Exactly(1)));
  EXPECT_TRUE(meets("SELECT 1", Expect::AtLeast(1)));
  EXPECT_FALSE(meets("SELECT 1", Expect::AtLeast(2)));
  EXPECT_TRUE(meets("SELECT 1", Expect::AtMost(1)));
  EXPECT_FALSE(meets("SELECT 1", Expect::AtMost(0)));
  EXPECT_TRUE(meets("UPDATE t SET a = a", Expect::Exactly(1)));
  EXPECT_TRUE(
      meets("INSERT INTO t(name) VALUES ('one') ON CONFLICT DO NOTHING", Expect::Exactly(0)));
  EXPECT_TRUE(meets("UPDATE t SET a = a RETURNING a", Expect::Exactly(1)));
}

TEST_F(SqliteFailures, CallWrongStatementsBugs) {
  HF_COVERS("T2");
  for (const char* sql : {"SELEC 1", "SELECT * FROM nowhere", "SELECT 1; SELECT 2", "", "SELECT ?",
                          "SELECT :name", "SELECT $1", "INSERT INTO typed VALUES ('text')"}) {
    const Outcome outcome = commit(Step{.label = "step", .sql = sql});
    ASSERT_FALSE(outcome.ok()) << sql;
    EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kBug) << sql;
    EXPECT_EQ(ReasonOf(outcome.status()), Reason::kInternal) << sql;
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("test/step")) << sql;
  }
}

TEST_F(SqliteFailures, RefuseSetsOfBinds) {
  const Outcome outcome =
      commit(Step{.sql = "SELECT $1", .binds = {{int64_t{1}}}, .takes = Step::Takes::kSet});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kBug);
}

TEST_F(SqliteFailures, DontLeaveTheWriterInAHalfTransaction) {
  for (const char* sql : {"COMMIT", "ROLLBACK", "BEGIN"}) {
    EXPECT_FALSE(commit(Step{.sql = sql}).ok()) << sql;
    EXPECT_TRUE(commit(Step{.sql = "UPDATE t SET a = a"}).ok()) << sql;
  }
}

// --- groups -------------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, AFailingBatchDoesntDisturbItsNeighbours) {
  HF_COVERS("T1", "T2");
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  Batch twice("twice");
  twice.add(InsertName("c"));
  twice.add(InsertName("a"));
  const auto outcomes =
      commit_together({One(InsertName("a")), std::move(twice), One(InsertName("b"))});

  EXPECT_TRUE(outcomes[0].ok());
  ASSERT_FALSE(outcomes[1].ok());
  EXPECT_EQ(outcomes[1].failure()->step, 1u);
  EXPECT_TRUE(outcomes[2].ok());
  EXPECT_THAT(query("SELECT name FROM t ORDER BY name"),
              ElementsAre(Row{std::string("a")}, Row{std::string("b")}));
}

TEST_F(SqliteDatabaseTest, GivesEachBatchOfAGroupItsOwnNumberWithoutTheFailedOnes) {
  open();
  execute(
      "CREATE TABLE sequence(n INTEGER); INSERT INTO sequence VALUES (0); "
      "CREATE TABLE t(name TEXT UNIQUE)");
  const auto numbered = [](std::string name) {
    Batch batch("numbered");
    batch.add(Step{.sql = "UPDATE sequence SET n = n + 1 RETURNING n"});
    batch.add(InsertName(std::move(name)));
    return batch;
  };
  const auto outcomes = commit_together({numbered("a"), numbered("a"), numbered("b")});
  EXPECT_EQ(outcomes[0].rows(StepHandle{0})[0][0], Value(int64_t{1}));
  EXPECT_FALSE(outcomes[1].ok());
  EXPECT_EQ(outcomes[2].rows(StepHandle{0})[0][0], Value(int64_t{2}));
}

TEST_F(SqliteDatabaseTest, ADeferredConstraintFailsOnlyTheGuiltyOne) {
  open();
  execute(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE t(name TEXT UNIQUE); "
      "CREATE TABLE c(p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  const auto outcomes =
      commit_together({One(InsertName("a")), One(Step{.sql = "INSERT INTO c VALUES (5)"}, "guilty"),
                       One(InsertName("b"))});
  EXPECT_TRUE(outcomes[0].ok());
  ASSERT_FALSE(outcomes[1].ok());
  EXPECT_EQ(outcomes[1].failure()->failure_class, FailureClass::kConstraint);
  EXPECT_EQ(outcomes[1].failure()->label, "guilty/commit");
  EXPECT_TRUE(outcomes[2].ok());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM c"), 0);
}

TEST_F(SqliteDatabaseTest, AFullDiskFailsTheWholeGroupAndIsSurvived) {
  HF_COVERS("T9");
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE); CREATE TABLE b(body BLOB)");
  const int64_t pages = std::get<int64_t>((*database_->setup().query("PRAGMA page_count"))[0][0]);
  execute(absl::StrCat("PRAGMA max_page_count = ", pages + 20));
  Batch large("large");
  for (int i = 0; i < 100; ++i) {
    large.add(Step{.sql = "INSERT INTO b VALUES ($1)", .binds = {{Blob{std::string(4000, 'x')}}}});
  }
  const auto outcomes =
      commit_together({One(InsertName("a")), std::move(large), One(InsertName("b"))});

  ASSERT_FALSE(outcomes[0].ok()) << "SQLite took it back with the transaction";
  EXPECT_EQ(outcomes[0].failure()->failure_class, FailureClass::kUnavailable);
  ASSERT_FALSE(outcomes[1].ok());
  EXPECT_EQ(outcomes[1].failure()->failure_class, FailureClass::kUnavailable);
  EXPECT_EQ(outcomes[1].failure()->sqlstate, "SQLITE_FULL");
  EXPECT_EQ(ReasonOf(outcomes[1].status()), Reason::kDatabaseUnavailable);
  EXPECT_TRUE(outcomes[2].ok()) << "it hadn't begun, and began anew: " << outcomes[2].status();
  EXPECT_TRUE(commit(InsertName("a")).ok());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM b"), 0);
}

// Lets files grow no further than they are, for as long as it lives.
class NoMoreRoom {
 public:
  explicit NoMoreRoom(const std::string& file) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::filesystem::file_size(file);
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~NoMoreRoom() { setrlimit(RLIMIT_FSIZE, &before_); }
  NoMoreRoom(const NoMoreRoom&) = delete;
  NoMoreRoom& operator=(const NoMoreRoom&) = delete;

 private:
  rlimit before_{};
};

TEST_F(SqliteDatabaseTest, ACommitThatCouldntBeWrittenIsAmbiguous) {
  HF_COVERS("T2");
  const std::string path = ::testing::TempDir() + "/ambiguous.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  open({.path = path});
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  {
    const NoMoreRoom no_more_room(path + "-wal");
    const Outcome outcome = commit(InsertName("a"));
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kAmbiguous);
    EXPECT_EQ(outcome.failure()->label, "test/commit");
    EXPECT_EQ(ReasonOf(outcome.status()), Reason::kCommitUnknown);
  }
  EXPECT_TRUE(commit(InsertName("b")).ok());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

TEST_F(SqliteDatabaseTest, AnotherProcesssLockIsRetryable) {
  const std::string path = ::testing::TempDir() + "/locked.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  open({.path = path, .busy_timeout = Milliseconds(0)});
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  auto other = Connection::Open(path, Connection::Access::kReadWrite);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->execute("BEGIN IMMEDIATE").ok());
  const auto outcomes = commit_together({One(InsertName("a")), One(InsertName("b"))});
  for (const Outcome& outcome : outcomes) {
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.failure()->failure_class, FailureClass::kRetryable);
    EXPECT_EQ(ReasonOf(outcome.status()), Reason::kConflict);
  }
  ASSERT_TRUE((*other)->execute("COMMIT").ok());
  EXPECT_TRUE(commit(InsertName("a")).ok());
}

TEST_F(SqliteDatabaseTest, RefusesBatchesThatWouldWaitTooLong) {
  open({.max_queue = 2});
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  const auto outcomes =
      commit_together({One(InsertName("a")), One(InsertName("b")), One(InsertName("c"))});
  EXPECT_TRUE(outcomes[0].ok());
  EXPECT_TRUE(outcomes[1].ok());
  ASSERT_FALSE(outcomes[2].ok());
  EXPECT_EQ(outcomes[2].failure()->failure_class, FailureClass::kUnavailable);
  EXPECT_EQ(ReasonOf(outcomes[2].status()), Reason::kDatabaseUnavailable);
  EXPECT_EQ(number("SELECT count(*) FROM t"), 2);
}

TEST_F(SqliteDatabaseTest, TakesNoMoreBatchesIntoAGroupThanAllowed) {
  // Each group is one transaction: what its batches share shows how many there were.
  open({.max_group = 2});
  execute("CREATE TABLE b(body BLOB); CREATE TABLE t(name TEXT UNIQUE)");
  const int64_t pages = std::get<int64_t>((*database_->setup().query("PRAGMA page_count"))[0][0]);
  execute(absl::StrCat("PRAGMA max_page_count = ", pages + 5));
  Batch too_large("large");
  too_large.add(Step{.sql = "INSERT INTO b VALUES (zeroblob(1000000))"});
  const auto outcomes = commit_together(
      {One(InsertName("a")), One(InsertName("b")), One(InsertName("c")), std::move(too_large)});
  EXPECT_TRUE(outcomes[0].ok());
  EXPECT_TRUE(outcomes[1].ok());
  EXPECT_FALSE(outcomes[2].ok()) << "in a group with the large one";
  EXPECT_FALSE(outcomes[3].ok());
}

TEST_F(SqliteDatabaseTest, EndsAGroupWhenItTookLongEnough) {
  open({.max_group_time = Milliseconds(0)});
  execute("CREATE TABLE b(body BLOB); CREATE TABLE t(name TEXT UNIQUE)");
  const int64_t pages = std::get<int64_t>((*database_->setup().query("PRAGMA page_count"))[0][0]);
  execute(absl::StrCat("PRAGMA max_page_count = ", pages + 5));
  Batch too_large("large");
  too_large.add(Step{.sql = "INSERT INTO b VALUES (zeroblob(1000000))"});
  const auto outcomes = commit_together({One(InsertName("a")), std::move(too_large)});
  EXPECT_TRUE(outcomes[0].ok()) << "alone in its group";
  EXPECT_FALSE(outcomes[1].ok());
}

TEST_F(SqliteDatabaseTest, FinishesWhatIsQueuedBeforeItGoes) {
  const std::string path = ::testing::TempDir() + "/closing.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  open({.path = path});
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  std::optional<Outcome> answer;
  held_.hold();
  Spawn(env_, Answer(*database_, One(InsertName("a")), answer));
  env_.run_until_idle();
  EXPECT_FALSE(answer.has_value());
  open({.path = path});
  env_.run_until_idle();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

// --- snapshots ----------------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, ASnapshotStaysAsItWas) {
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  auto before = env_.run(database_->snapshot());
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(commit(InsertName("a")).ok());
  auto after = env_.run(database_->snapshot());
  ASSERT_TRUE(after.ok()) << after.status();
  const std::string count = "SELECT count(*) FROM t";
  EXPECT_EQ((*env_.run((*before)->query(count, {}, 1)))[0][0], Value(int64_t{0}));
  EXPECT_EQ((*env_.run((*after)->query(count, {}, 1)))[0][0], Value(int64_t{1}));
}

TEST_F(SqliteDatabaseTest, ASnapshotReadsNoMoreRowsThanAsked) {
  open();
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok());
  // Endless if all were computed.
  const auto rows = env_.run((*snapshot)->query(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", {}, 3));
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->size(), 3u);
  const auto each = env_.run((*snapshot)->query_each("SELECT $1", {{int64_t{4}}, {int64_t{5}}}, 1));
  ASSERT_TRUE(each.ok());
  EXPECT_THAT(*each, ElementsAre(std::vector<Row>{{int64_t{4}}}, std::vector<Row>{{int64_t{5}}}));
}

TEST_F(SqliteDatabaseTest, ASnapshotCantWrite) {
  open();
  execute("CREATE TABLE t(name TEXT UNIQUE)");
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok());
  EXPECT_FALSE(env_.run((*snapshot)->query("DELETE FROM t", {}, 1)).ok());
}

Task<void> TakeSnapshot(SqliteDatabase& database,
                        std::optional<absl::StatusOr<std::unique_ptr<ReadSnapshot>>>& into) {
  auto taken = co_await database.snapshot();
  into.emplace(std::move(taken));
}

TEST_F(SqliteDatabaseTest, ReadersBeyondTheBoundWaitForTheirTurn) {
  open({.max_readers = 1, .max_reader_wait = Seconds(3)});
  std::optional<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> first;
  std::optional<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> second;
  std::optional<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> third;
  Spawn(env_, TakeSnapshot(*database_, first));
  env_.run_until_idle();
  ASSERT_TRUE(first.has_value() && first->ok());

  Spawn(env_, TakeSnapshot(*database_, second));
  env_.advance(Seconds(2));
  EXPECT_FALSE(second.has_value());
  first.reset();
  env_.run_until_idle();
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->ok());

  Spawn(env_, TakeSnapshot(*database_, third));
  env_.advance(Seconds(4));
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(ReasonOf(third->status()), Reason::kDatabaseUnavailable);
}

TEST_F(SqliteDatabaseTest, ASnapshotMayBeGivenBackLater) {
  open();
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok());
  database_.reset();
  snapshot->reset();
}

// --- limits and files ---------------------------------------------------------------------------

TEST_F(SqliteDatabaseTest, PreparesAnyNumberOfStatementsWithinItsBound) {
  open();
  for (size_t i = 0; i < 2 * kMaxPreparedStatements; ++i) {
    Batch batch("many");
    const StepHandle row = batch.add(Step{.sql = absl::StrCat("SELECT ", i)});
    const Outcome outcome = commit(std::move(batch));
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.rows(row)[0][0], Value(static_cast<int64_t>(i)));
  }
}

TEST_F(SqliteDatabaseTest, SaysWhyAFileCantBeOpened) {
  const auto missing = SqliteDatabase::Open(env_, {.path = "/nowhere/at/all.db"});
  EXPECT_EQ(ReasonOf(missing.status()), Reason::kDatabaseUnavailable);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nowhere/at/all.db"));
}

TEST_F(SqliteDatabaseTest, KeepsItsFileToItsOwner) {
  const std::string path = ::testing::TempDir() + "/private.db";
  std::filesystem::remove(path);
  open({.path = path});
  execute("CREATE TABLE t(name TEXT)");
  using std::filesystem::perms;
  for (const char* suffix : {"", "-wal"}) {
    EXPECT_EQ(std::filesystem::status(path + suffix).permissions(),
              perms::owner_read | perms::owner_write);
  }
}

}  // namespace
}  // namespace holdfast::batch::sqlite
