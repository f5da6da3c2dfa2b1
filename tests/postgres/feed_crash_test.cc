// The feed over crashes of the server, and over the promotion of a standby.
#include "tests/postgres/feed_fixture.h"

namespace holdfast::storage {
namespace {

using Goes = NaiveReader::Goes;
using Stop = PostgresCluster::Stop;

// So that the log of what nobody waits for is in memory when the server dies.
const std::vector<std::string> kLazyLog = {"wal_writer_delay=10s", "autovacuum=off"};

PostgresEngineOptions On(PostgresCluster& cluster) {
  PostgresEngineOptions options = EngineOptions(batch::Isolation::kReadCommitted);
  options.postgres.dsn = cluster.create_database();
  return options;
}

TEST(FeedOverCrash, IdOfAnAbortedTransactionThatIsGivenOutAgainHidesNothing) {
  HF_COVERS("B3", "R38");
  const std::unique_ptr<PostgresCluster> cluster = PostgresCluster::Start({.settings = kLazyLog});
  const PostgresEngineOptions options = On(*cluster);
  std::string plain;
  FeedReader ours;
  Revision before;
  {
    PostgresFeed feed(options);
    feed.create({"a"});
    Session session = feed.session();
    session.run("CHECKPOINT");
    // Its end isn't on the disk, and nobody waits for that.
    for (int i = 0; i < 10; ++i) session.run("BEGIN; SELECT pg_current_xact_id(); ROLLBACK");
    ours = feed.reader();
    before = ours.cursor().revision;
    plain = session.value("SELECT pg_current_snapshot()");
    cluster->stop(Stop::kImmediate);
  }
  cluster->start();
  PostgresFeed feed(options);
  Session session = feed.session();
  session.run(PostgresFeed::Touch("'vpcs/a'"));
  EXPECT_TRUE(session
                  .run("SELECT name FROM resource WHERE NOT pg_visible_in_snapshot(revision, '" +
                       plain + "')")
                  .empty())
      << "a plain snapshot takes the new transaction for the old one: lost";
  // Its number is ahead of the server's: at most one try again, then all is well, and above it.
  absl::Status status = feed.env_.run(ours.poll(*feed.engine_, 2));
  if (ReasonOf(status) == Reason::kDatabaseUnavailable) {
    status = feed.env_.run(ours.poll(*feed.engine_, 2));
  }
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(VersionIn(ours, "a"), "2");
  EXPECT_GT(ours.cursor().revision, before);
}

TEST(FeedOverCrash, RevisionsOfALivingProcessNeverGoBack) {
  HF_COVERS("B3");
  const std::unique_ptr<PostgresCluster> cluster = PostgresCluster::Start({.settings = kLazyLog});
  PostgresFeed feed(On(*cluster));
  feed.create({"a"});
  {
    Session session = feed.session();
    session.run("CHECKPOINT");
    for (int i = 0; i < 10; ++i) session.run("BEGIN; SELECT pg_current_xact_id(); ROLLBACK");
  }
  const FeedReader ours = feed.reader();
  cluster->stop(Stop::kImmediate);
  cluster->start();
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = feed.env_.run(feed.engine_->snapshot());
  for (int tries = 0; !snapshot.ok() && tries < 100; ++tries) {
    snapshot = feed.env_.run(feed.engine_->snapshot());
  }
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_GE((*snapshot)->revision(), ours.cursor().revision);
}

TEST(FeedOverCrash, PlacesStayGoodOverManyImmediateStops) {
  HF_COVERS("B3", "R38");
  const std::unique_ptr<PostgresCluster> cluster = PostgresCluster::Start();
  const PostgresEngineOptions options = On(*cluster);
  FeedReader ours;
  for (int life = 0; life < 6; ++life) {
    PostgresFeed feed(options);
    if (life == 0) {
      feed.create({"a", "b", "c"});
      ours = feed.reader();
    }
    Session writer = feed.session();
    Session open = feed.session();
    open.run("BEGIN; " + PostgresFeed::Touch("'vpcs/c'"));  // ends with the server
    writer.run("BEGIN; " + PostgresFeed::Touch("'vpcs/b'") + "; ROLLBACK");
    writer.run(PostgresFeed::Touch("'vpcs/a', 'vpcs/b'"));
    writer.run("BEGIN; " + PostgresFeed::Touch("'vpcs/b'") + "; ROLLBACK");
    // Half of it before the crash, a page from each life.
    absl::StatusOr<bool> complete = feed.env_.run(ours.page(*feed.engine_, 1));
    if (ReasonOf(complete.status()) == Reason::kDatabaseUnavailable) {
      complete = feed.env_.run(ours.page(*feed.engine_, 1));
    }
    ASSERT_TRUE(complete.ok()) << complete.status();
    cluster->stop(life % 2 == 0 ? Stop::kImmediate : Stop::kKill);
    cluster->start();
  }
  PostgresFeed feed(options);
  absl::Status status = feed.env_.run(ours.poll(*feed.engine_, 1));
  if (ReasonOf(status) == Reason::kDatabaseUnavailable) {
    status = feed.env_.run(ours.poll(*feed.engine_, 1));
  }
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(VersionIn(ours, "a"), "7");
  EXPECT_EQ(VersionIn(ours, "b"), "7");
  EXPECT_EQ(VersionIn(ours, "c"), "1");
}

TEST(FeedOverFailover, PlaceOfTheOldPrimaryIsRefusedByTheNewOne) {
  HF_COVERS("B3", "R38");
  const std::unique_ptr<PostgresCluster> primary = PostgresCluster::Start();
  const PostgresEngineOptions options = On(*primary);
  FeedReader ours;
  {
    PostgresFeed feed(options);
    feed.create({"a"});
    ours = feed.reader();
  }
  const std::unique_ptr<PostgresCluster> standby =
      PostgresCluster::Start({.standby_of = primary->dsn()});
  primary->stop(Stop::kKill);
  standby->promote();
  PostgresEngineOptions promoted = options;
  const std::string name = options.postgres.dsn.substr(options.postgres.dsn.rfind('=') + 1);
  promoted.postgres.dsn = standby->dsn(name);
  PostgresFeed feed(promoted);
  EXPECT_EQ(feed.refusal(ours, *feed.engine_), Reason::kResumeTooOld)
      << "what the old primary had shown and not handed over is unknown here";
  ASSERT_TRUE(feed.env_.run(ours.start(*feed.engine_)).ok());
  feed.session().run(PostgresFeed::Touch("'vpcs/a'"));
  feed.poll(ours);
  EXPECT_EQ(VersionIn(ours, "a"), "2");
}

}  // namespace
}  // namespace holdfast::storage
