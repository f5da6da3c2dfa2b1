// What goes wrong with the simpler ways to read changes from PostgreSQL, each shown, and that our
// feed gets it right.
#include "holdfast/base/check.h"
#include "holdfast/storage/sql/dialect.h"
#include "tests/postgres/feed_fixture.h"

namespace holdfast::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Goes = NaiveReader::Goes;

class FeedScenario : public ::testing::TestWithParam<batch::Isolation>, public PostgresFeed {
 protected:
  FeedScenario() : PostgresFeed(EngineOptions(GetParam())) {}
};

INSTANTIATE_TEST_SUITE_P(Isolation, FeedScenario,
                         ::testing::Values(batch::Isolation::kReadCommitted,
                                           batch::Isolation::kSerializable),
                         [](const auto& of) {
                           return of.param == batch::Isolation::kSerializable ? "Serializable"
                                                                              : "ReadCommitted";
                         });

TEST_P(FeedScenario, WhoCommitsLateIsNotLostBehindWhoBeganLater) {
  HF_COVERS("B3", "R38");
  create({"a", "b"});
  FeedReader ours = reader();
  NaiveReader behind_the_last = naive(Goes::kBehindTheLast);
  Session slow = session();
  slow.run("BEGIN; " + Touch("'vpcs/a'"));
  Session quick = session();
  quick.run(Touch("'vpcs/b'"));
  poll(ours);
  behind_the_last.poll();
  EXPECT_EQ(VersionIn(ours, "b"), "2");
  EXPECT_EQ(VersionIn(behind_the_last, "b"), "2");
  slow.run("COMMIT");
  poll(ours);
  behind_the_last.poll();
  EXPECT_EQ(VersionIn(ours, "a"), "2");
  EXPECT_EQ(VersionIn(behind_the_last, "a"), "1") << "lost for ever: its id is below the last";
}

TEST_P(FeedScenario, CounterEitherLosesRowsOrLetsNobodyElseWrite) {
  Session setup = session();
  setup.run(
      "CREATE TABLE counted (name text, n int8); CREATE SEQUENCE counter; "
      "CREATE TABLE counter_row (n int8); INSERT INTO counter_row VALUES (0)");
  Session slow = session();
  slow.run("BEGIN; INSERT INTO counted VALUES ('a', nextval('counter'))");
  Session quick = session();
  quick.run("INSERT INTO counted VALUES ('b', nextval('counter'))");
  const std::string last = setup.value("SELECT max(n) FROM counted");
  slow.run("COMMIT");
  EXPECT_TRUE(setup.run("SELECT name FROM counted WHERE n > " + last).empty()) << "a is lost";

  slow.run("BEGIN; UPDATE counter_row SET n = n + 1");
  EXPECT_EQ(quick.error("SET lock_timeout = '50ms'; UPDATE counter_row SET n = n + 1"), "55P03")
      << "all writers queue for the counter";
}

TEST_P(FeedScenario, RowThatIsRewrittenWithoutPauseIsDeliveredAllTheTime) {
  HF_COVERS("B3", "R38");
  create({"hot"});
  FeedReader ours = reader();
  NaiveReader up_to_the_oldest = naive(Goes::kUpToTheOldest);
  std::vector<Session> others;
  others.push_back(session());
  others.push_back(session());
  Session writer = session();
  others[0].run("BEGIN; SELECT pg_current_xact_id()");
  for (int round = 0; round < 10; ++round) {
    // There is always one that began before the last write, but none that lasts.
    Session& next = others[(round + 1) % 2];
    next.run("BEGIN; SELECT pg_current_xact_id()");
    writer.run(Touch("'vpcs/hot'"));
    others[round % 2].run("COMMIT");
    poll(ours);
    up_to_the_oldest.poll();
    EXPECT_EQ(VersionIn(ours, "hot"), absl::StrCat(round + 2));
    EXPECT_EQ(VersionIn(up_to_the_oldest, "hot"), "1") << "never old enough";
  }
}

TEST_P(FeedScenario, BatchIsSeenWholeThoughHalfOfItIsRewrittenAtOnce) {
  HF_COVERS("B3", "I1", "R38");
  create({"a", "b"});
  FeedReader ours = reader();
  NaiveReader up_to_the_oldest = naive(Goes::kUpToTheOldest);
  Session writer = session();
  writer.run(Touch("'vpcs/a', 'vpcs/b'"));
  Session other = session();
  other.run("BEGIN; SELECT pg_current_xact_id()");
  writer.run(Touch("'vpcs/a'"));
  poll(ours);  // compares itself with a full read
  up_to_the_oldest.poll();
  EXPECT_EQ(VersionIn(ours, "a"), "3");
  EXPECT_EQ(VersionIn(ours, "b"), "2");
  EXPECT_EQ(VersionIn(up_to_the_oldest, "a"), "1");
  EXPECT_EQ(VersionIn(up_to_the_oldest, "b"), "2")
      << "half of a batch, at what it takes for a state";
}

TEST_P(FeedScenario, LongWriterInAnotherDatabaseHoldsNothingUp) {
  HF_COVERS("B3", "R38");
  create({"a"});
  FeedReader ours = reader();
  NaiveReader up_to_the_oldest = naive(Goes::kUpToTheOldest);
  Session elsewhere(PostgresCluster::Shared().create_database());
  elsewhere.run("BEGIN; CREATE TABLE t (a int)");
  Session writer = session();
  for (int version = 2; version < 12; ++version) {
    writer.run(Touch("'vpcs/a'"));
    poll(ours);
    up_to_the_oldest.poll();
    EXPECT_EQ(VersionIn(ours, "a"), absl::StrCat(version));
    EXPECT_EQ(VersionIn(up_to_the_oldest, "a"), "1") << "waits for a stranger";
    poll(ours);
    EXPECT_TRUE(ours.rows().empty()) << "nothing comes twice";
  }
  elsewhere.run("ROLLBACK");
  poll(ours);
  EXPECT_TRUE(ours.rows().empty());
}

TEST_P(FeedScenario, PurgeThatOvertakesASlowReaderIsToldToIt) {
  HF_COVERS("B3", "R38");
  create({"a", "b"});
  FeedReader slow = reader();
  NaiveReader behind_the_last = naive(Goes::kBehindTheLast);
  erase("a");
  FeedReader quick = reader();
  purge();
  behind_the_last.poll();
  EXPECT_EQ(VersionIn(behind_the_last, "a"), "1") << "a ghost";
  EXPECT_EQ(refusal(slow, *engine_), Reason::kResumeTooOld);
  poll(quick);
  EXPECT_EQ(VersionIn(quick, "a"), "none");
  ASSERT_TRUE(env_.run(slow.start(*engine_)).ok());
  poll(slow);
}

TEST_P(FeedScenario, TombstoneOfALateCommitIsMissedByTheOneWhoCouldNotSeeIt) {
  HF_COVERS("B3", "R38");
  create({"a", "b"});
  Session late = session();
  late.run(
      "BEGIN; UPDATE resource SET revision = pg_current_xact_id(), state = 3, delete_time = 1, "
      "body = NULL WHERE name = 'vpcs/a'");
  erase("b");
  // It knows of a later transaction, but not of this one.
  FeedReader before = reader();
  late.run("COMMIT");
  FeedReader after = reader();
  purge();
  EXPECT_EQ(refusal(before, *engine_), Reason::kResumeTooOld);
  poll(after);
}

TEST_P(FeedScenario, ReaderThatKnowsThePurgeIsNotRefusedWhenALongWriterEnds) {
  HF_COVERS("B3");
  create({"a", "b"});
  Session elsewhere(PostgresCluster::Shared().create_database());
  elsewhere.run("BEGIN; CREATE TABLE t (a int)");
  Session late = session();
  late.run("BEGIN; " + Touch("'vpcs/b'"));
  erase("a");
  purge();
  FeedReader ours = reader();
  elsewhere.run("COMMIT");
  poll(ours);
  late.run("COMMIT");
  poll(ours);
  EXPECT_EQ(VersionIn(ours, "b"), "2");
}

TEST_P(FeedScenario, TransactionThatWroteNothingHereMovesNoPlace) {
  create({"a"});
  FeedReader ours = reader();
  poll(ours);
  const Cursor before = ours.cursor();
  Session elsewhere(PostgresCluster::Shared().create_database());
  elsewhere.run("CREATE TABLE t (a int)");
  elsewhere.run("BEGIN; DROP TABLE t; ROLLBACK");
  poll(ours);
  EXPECT_EQ(ours.cursor().snapshot, before.snapshot);
  EXPECT_GT(ours.cursor().revision, before.revision) << "what it counts, it counts";
}

TEST_P(FeedScenario, PlacesFromElsewhereAreRefused) {
  HF_COVERS("B3", "R38");
  create({"a"});
  const Cursor place = reader().cursor();
  const auto refused = [this](const Cursor& from) {
    const auto snapshot = env_.run(engine_->snapshot());
    HF_CHECK(snapshot.ok());
    return ReasonOf(env_.run((*snapshot)->feed(from, 10)).status());
  };
  EXPECT_EQ(refused(place), std::nullopt);
  Cursor other = place;
  other.incarnation = "other";
  EXPECT_EQ(refused(other), Reason::kResumeTooOld);
  for (const char* text : {"x", "1:2:3:4:5", ""}) {
    other = place;
    other.snapshot = text;
    EXPECT_EQ(refused(other), Reason::kResumeTooOld) << text;
  }
  // Of the future: its transactions haven't been given out.
  const size_t top = place.snapshot.find(':') + 1;
  other.snapshot = place.snapshot.substr(0, top) + "99999999999:";
  EXPECT_EQ(refused(other), Reason::kResumeTooOld);
  // Of another timeline, as a promoted standby's.
  other.snapshot = "0000000F" + place.snapshot.substr(top - 1);
  EXPECT_EQ(refused(other), Reason::kResumeTooOld);
}

TEST_P(FeedScenario, RestoredDatabaseRefusesThePlacesOfTheOneItWas) {
  HF_COVERS("B3", "R38");
  create({"a"});
  FeedReader ours = reader();
  PostgresEngineOptions options = options_;
  options.origin = sql::Origin::kRestored;
  const std::unique_ptr<Engine> restored = OpenEngine(env_, options);
  EXPECT_EQ(refusal(ours, *restored), Reason::kResumeTooOld);
}

TEST_P(FeedScenario, DumpOfAnOlderServerIsTakenOver) {
  HF_COVERS("R38");
  create({"a", "b"});
  FeedReader ours = reader();
  // Such ids this server gives out in a long time.
  session().run(
      "UPDATE resource SET revision = '4000000000'; UPDATE meta SET purge_mark = '4000000001'");
  const std::unique_ptr<Engine> restored = open();
  EXPECT_EQ(refusal(ours, *restored), Reason::kResumeTooOld);
  ASSERT_TRUE(env_.run(ours.start(*restored)).ok());
  session().run(Touch("'vpcs/a'"));
  ASSERT_TRUE(env_.run(ours.poll(*restored, 2)).ok());
  EXPECT_EQ(VersionIn(ours, "a"), "2");
  EXPECT_EQ(ours.rows().size(), 1) << "the others didn't change";
}

TEST_P(FeedScenario, ServerThatDoesNotWaitForTheDiskIsRefused) {
  PostgresEngineOptions options = options_;
  options.postgres.dsn = PostgresCluster::Shared().create_database();
  const std::string name = options.postgres.dsn.substr(options.postgres.dsn.rfind('=') + 1);
  Session(options.postgres.dsn).run("ALTER DATABASE " + name + " SET synchronous_commit = off");
  const auto engine = env_.run(OpenPostgresEngine(env_, options));
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kFailedPrecondition) << engine.status();
}

TEST_P(FeedScenario, PlaceIsGoodInAnotherProcessAtEveryPage) {
  HF_COVERS("B3");
  std::vector<std::unique_ptr<Engine>> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back(open());
  create({"a", "b", "c", "d"});
  FeedReader ours = reader();
  Session slow = session();
  Session quick = session();
  for (int round = 0; round < 20; ++round) {
    slow.run("BEGIN; " + Touch("'vpcs/a', 'vpcs/b'"));
    quick.run(Touch("'vpcs/c', 'vpcs/d'"));
    size_t page = 0;
    const auto next = [&] {
      const auto complete = env_.run(ours.page(*nodes[page++ % nodes.size()], 1));
      HF_CHECK(complete.ok()) << complete.status().ToString();
      return *complete;
    };
    next();
    slow.run("COMMIT");  // while the reader is on its way
    while (!next()) ASSERT_LT(page, 100);
    EXPECT_EQ(VersionIn(ours, "a"), absl::StrCat(round + 2));
    EXPECT_EQ(VersionIn(ours, "d"), absl::StrCat(round + 2));
  }
}

TEST_P(FeedScenario, BatchLargerThanAPageIsReadToItsEndWhileOthersFinish) {
  HF_COVERS("B3");
  std::vector<Op> ops;
  for (int i = 0; i < 50; ++i) {
    ops.emplace_back(CreateRow{.row = NewRow(Vpc(absl::StrCat("r", i)))});
  }
  commit(std::move(ops));
  create({"late"});
  FeedReader ours = reader();
  for (int round = 0; round < 5; ++round) {
    Session late = session();
    late.run("BEGIN; " + Touch("'vpcs/late'"));
    session().run(
        "UPDATE resource SET revision = pg_current_xact_id(), version = version + 1 "
        "WHERE name LIKE 'vpcs/r%'");
    ASSERT_FALSE(*env_.run(ours.page(*engine_, 7)));
    late.run("COMMIT");
    int pages = 0;
    while (!*env_.run(ours.page(*engine_, 7))) ASSERT_LT(++pages, 50);
    EXPECT_EQ(VersionIn(ours, "r49"), absl::StrCat(round + 2));
    EXPECT_EQ(VersionIn(ours, "late"), absl::StrCat(round + 2));
  }
}

TEST(FeedPlans, PollsGoByTheIndexOnRevision) {
  PostgresFeed feed(EngineOptions(batch::Isolation::kReadCommitted));
  Session session = feed.session();
  for (const char* setting :
       {"plan_cache_mode = force_generic_plan", "enable_seqscan = off", "enable_hashjoin = off",
        "enable_mergejoin = off", "enable_sort = off"}) {
    session.run(absl::StrCat("SET ", setting));
  }
  const auto plan = [&session](const std::string& text, const std::string& parameters) {
    session.run("DEALLOCATE ALL");
    session.run("PREPARE q AS " + text);
    std::string lines;
    for (const auto& row : session.run("EXPLAIN (COSTS off) EXECUTE q" + parameters)) {
      absl::StrAppend(&lines, row[0], "\n");
    }
    return lines;
  };
  const sql::Dialect& dialect = sql::PostgresDialect();
  EXPECT_THAT(plan(dialect.head, ""),
              HasSubstr("Index Only Scan Backward using resource_by_revision"));
  const std::string changes = plan(dialect.feed, "('{}', '10', '0', '', '', 10)");
  EXPECT_THAT(changes, HasSubstr("Index Cond: (revision = ANY ($1))"));
  EXPECT_THAT(changes, HasSubstr("Index Cond: (revision >= $2)"));
  EXPECT_THAT(changes, HasSubstr("Presorted Key: r.revision"));
  EXPECT_THAT(changes, HasSubstr("Presorted Key: r_1.revision"));
  EXPECT_THAT(changes, HasSubstr("Merge Append"));
  EXPECT_THAT(changes, Not(HasSubstr("Seq Scan on resource")));
}

TEST(FeedScenarios, AThousandRunningTransactionsFitIntoAPlace) {
  const std::unique_ptr<PostgresCluster> cluster =
      PostgresCluster::Start({.settings = {"max_prepared_transactions=1200"}});
  PostgresEngineOptions options = EngineOptions(batch::Isolation::kReadCommitted);
  options.postgres.dsn = cluster->create_database();
  PostgresFeed feed(options);
  feed.create({"a"});
  FeedReader ours = feed.reader();
  Session writer = feed.session();
  writer.run("CREATE TABLE t (a int)");
  for (int i = 0; i < 1000; ++i) {
    writer.run(absl::StrCat("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p", i, "'"));
    if (i % 100 == 0) writer.run(PostgresFeed::Touch("'vpcs/a'"));
  }
  writer.run(PostgresFeed::Touch("'vpcs/a'"));
  feed.poll(ours);
  EXPECT_EQ(VersionIn(ours, "a"), "12");
  EXPECT_GT(ours.cursor().snapshot.size(), 1000);
  EXPECT_LE(ours.cursor().snapshot.size(), kMaxCursorSnapshot);
  feed.poll(ours);
  EXPECT_TRUE(ours.rows().empty());
  // More than fit: some rows come again, none is lost.
  for (int i = 1000; i < 1100; ++i) {
    writer.run(absl::StrCat("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'p", i, "'"));
  }
  writer.run(PostgresFeed::Touch("'vpcs/a'"));
  feed.poll(ours);
  EXPECT_EQ(VersionIn(ours, "a"), "13");
  EXPECT_LE(ours.cursor().snapshot.size(), kMaxCursorSnapshot);
  for (int i = 0; i < 1100; ++i) writer.run(absl::StrCat("COMMIT PREPARED 'p", i, "'"));
  feed.poll(ours);
}

}  // namespace
}  // namespace holdfast::storage
