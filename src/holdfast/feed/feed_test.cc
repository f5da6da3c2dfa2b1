#include "holdfast/feed/feed.h"

#include "holdfast/feed/feed_fixture.h"
#include "holdfast/testing/covers.h"

namespace holdfast::feed {
namespace {

using storage::CreateRow;
using storage::Cursor;
using storage::kRule;
using storage::kVpc;
using storage::NewRow;
using storage::Rule;
using storage::Vpc;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(FeedTest, FirstBatchSaysThatTheReaderIsCurrent) {
  const Revision last = create("a");
  open();
  const auto reader = subscribe(now());
  const FeedBatch batch = next(*reader);
  EXPECT_THAT(batch.rows, IsEmpty());
  EXPECT_TRUE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(at(last)));
}

TEST_F(FeedTest, HandsOverWhatIsCommittedAsItIsCommitted) {
  HF_COVERS("B3");
  open();
  const auto reader = subscribe_current();
  const PendingNext waiting(env_, *reader);
  env_.run_until_idle();
  EXPECT_FALSE(waiting.done());
  const Revision created =
      commit({CreateRow{.row = NewRow(Vpc("b"))}, CreateRow{.row = NewRow(Vpc("a"))}});
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("a1", "b1"));
  EXPECT_TRUE(waiting.answer()->bookmark);
  EXPECT_EQ(Show(waiting.answer()->cursor), Show(at(created)));
  erase("a");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("a-"));
}

TEST_F(FeedTest, ReadersShareTheRows) {
  open();
  const auto one = subscribe_current();
  const auto two = subscribe_current();
  create("a");
  EXPECT_EQ(next(*one).rows.at(0), next(*two).rows.at(0));
}

TEST_F(FeedTest, HandsOverOnlyWhatIsInteresting) {
  open();
  const auto vpcs = subscribe_current({.kinds = {kVpc}});
  const auto below_a = subscribe_current({.name_prefix = "vpcs/a/"});
  const PendingNext waiting(env_, *below_a);
  create("a");
  create(Rule("b", "1"));
  env_.run_until_idle();
  EXPECT_FALSE(waiting.done());
  create(Rule("a", "1"));
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("a/rules/11"));
  EXPECT_THAT(Names(next(*vpcs)), ElementsAre("a1"));
}

TEST_F(FeedTest, ReaderOfNothingInterestingGetsABookmarkEachInterval) {
  open({.bookmark_interval = Seconds(5)});
  const auto reader = subscribe_current({.kinds = {kRule}});
  const PendingNext waiting(env_, *reader);
  const Revision created = create("a");
  env_.advance(Seconds(4));
  EXPECT_FALSE(waiting.done());
  env_.advance(Seconds(2));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.answer()->rows, IsEmpty());
  EXPECT_TRUE(waiting.answer()->bookmark);
  EXPECT_EQ(Show(waiting.answer()->cursor), Show(at(created)));
}

TEST_F(FeedTest, NoBookmarkIsRepeated) {
  open({.bookmark_interval = Seconds(5)});
  const auto reader = subscribe_current();
  const PendingNext waiting(env_, *reader);
  env_.advance(Seconds(100));
  EXPECT_FALSE(waiting.done());
}

TEST_F(FeedTest, ChangesOfOneRowAreHandedOverAsOne) {
  open();
  const auto reader = subscribe_current();
  create("a");
  create("b");
  for (int version = 2; version < 6; ++version) update("a", version);
  env_.run_until_idle();
  const FeedBatch batch = next(*reader);
  EXPECT_THAT(Names(batch), ElementsAre("b1", "a5"));
  EXPECT_TRUE(batch.bookmark);
}

TEST_F(FeedTest, OnlyTheEndOfALargeCommitIsABookmark) {
  HF_COVERS("B3");
  open({.page = 2});
  const auto reader = subscribe_current();
  std::vector<storage::Op> ops;
  for (const char* id : {"a", "b", "c", "d", "e"}) ops.push_back(CreateRow{.row = NewRow(Vpc(id))});
  const Revision created = commit(std::move(ops));
  env_.run_until_idle();
  FeedBatch batch = next(*reader);
  EXPECT_THAT(Names(batch), ElementsAre("a1", "b1"));
  EXPECT_FALSE(batch.bookmark);
  batch = next(*reader);
  EXPECT_THAT(Names(batch), ElementsAre("c1", "d1"));
  EXPECT_FALSE(batch.bookmark);
  batch = next(*reader);
  EXPECT_THAT(Names(batch), ElementsAre("e1"));
  EXPECT_TRUE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(at(created)));
}

TEST_F(FeedTest, HalfReadCommitIsCompletedByABookmarkAtOnceThoughItsRestIsNotInteresting) {
  open({.page = 2});
  const auto reader = subscribe_current({.name_prefix = "vpcs/a"});
  std::vector<storage::Op> ops;
  for (const char* id : {"a0", "a1", "a2", "b", "c", "d"}) {
    ops.push_back(CreateRow{.row = NewRow(Vpc(id))});
  }
  commit(std::move(ops));
  FeedBatch batch = next(*reader);
  while (!batch.bookmark) batch = next(*reader);
  EXPECT_EQ(Show(batch.cursor), Show(now()));
  EXPECT_EQ(env_.clock().monotonic(), Duration(0)) << "without waiting for an interval";
}

TEST_F(FeedTest, ReaderBehindTheRingCatchesUpFromTheEngine) {
  HF_COVERS("B3");
  open({.ring_rows = 3, .page = 4});
  const auto reader = subscribe_current();
  std::vector<std::string> expected;
  for (int i = 10; i < 40; ++i) {
    create(std::to_string(i));
    expected.push_back(std::to_string(i) + "1");
  }
  env_.run_until_idle();
  EXPECT_EQ(feed_->stats().ring_rows, 3);
  std::vector<std::string> names;
  FeedBatch batch;
  do {
    batch = next(*reader);
    for (const std::string& name : Names(batch)) names.push_back(name);
  } while (!batch.bookmark);
  EXPECT_EQ(names, expected);
  EXPECT_GT(feed_->stats().catch_up_reads, 0);
  // And it is back in the ring.
  const int64_t reads = feed_->stats().catch_up_reads;
  create("x");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("x1"));
  EXPECT_EQ(feed_->stats().catch_up_reads, reads);
}

TEST_F(FeedTest, RingStaysWithinItsBytes) {
  open({.ring_rows = 1000, .ring_bytes = 5000});
  const auto reader = subscribe_current();
  for (int i = 0; i < 100; ++i) create(std::to_string(i));
  env_.run_until_idle();
  EXPECT_LE(feed_->stats().ring_bytes, 5000);
  EXPECT_GT(feed_->stats().ring_rows, 1);
}

TEST_F(FeedTest, ReaderToWhomNothingHappensNeverFallsOutOfTheRing) {
  open({.ring_rows = 3});
  const auto reader = subscribe_current({.kinds = {kRule}});
  const PendingNext waiting(env_, *reader);
  for (int i = 0; i < 50; ++i) create(std::to_string(i));
  create(Rule("a", "1"));
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("a/rules/11"));
  EXPECT_EQ(feed_->stats().catch_up_reads, 0);
}

TEST_F(FeedTest, ReaderGoesOnAfterARestartWhereItWas) {
  HF_COVERS("B3");
  open({.page = 2});
  auto reader = subscribe_current();
  commit({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Vpc("b"))},
          CreateRow{.row = NewRow(Vpc("c"))}});
  const FeedBatch half = next(*reader);
  EXPECT_THAT(Names(half), ElementsAre("a1", "b1"));
  reader.reset();
  close();
  update("a", 2);
  open();
  reader = subscribe(half.cursor);
  const FeedBatch rest = next(*reader);
  EXPECT_THAT(Names(rest), ElementsAre("c1", "a2"));
  EXPECT_TRUE(rest.bookmark);
}

TEST_F(FeedTest, ReaderFromBeforeAPurgeIsToldSoForGood) {
  create("a");
  const Cursor old = now();
  erase("a");
  create("b");
  purge();
  open();
  const auto reader = subscribe(old);
  EXPECT_EQ(error(*reader), Reason::kResumeTooOld);
  EXPECT_EQ(error(*reader), Reason::kResumeTooOld);
}

TEST_F(FeedTest, ReaderOfAnotherDatabaseOrOfTheFutureIsRefused) {
  create("a");
  open();
  Cursor cursor = now();
  cursor.incarnation = "another";
  EXPECT_EQ(error(*subscribe(cursor)), Reason::kResumeTooOld);
  cursor = now();
  cursor.revision = Revision(cursor.revision.value() + 1);
  EXPECT_EQ(error(*subscribe(cursor)), Reason::kResumeTooOld);
}

TEST_F(FeedTest, ReaderOfWhatTheTailerHasNotSeenYetIsServed) {
  open();
  engine_.go_away();
  const Revision created = create("a");
  engine_.come_back();
  // Its snapshot is younger than the tailer's last.
  const auto reader = subscribe(at(created));
  const FeedBatch batch = next(*reader);
  EXPECT_TRUE(batch.bookmark);
  EXPECT_THAT(batch.rows, IsEmpty());
  create("b");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("b1"));
}

TEST_F(FeedTest, CommitsOfOtherProcessesAreFoundByPolling) {
  engine_.share();
  open({.idle_poll = Milliseconds(250)});
  const auto reader = subscribe_current();
  engine_.on_commit(nullptr);
  const PendingNext waiting(env_, *reader);
  create("a");
  env_.advance(Milliseconds(250));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("a1"));
  // Where some were there may be more: it looks more often now.
  const PendingNext second(env_, *reader);
  create("b");
  env_.advance(Milliseconds(5));
  EXPECT_TRUE(second.done());
}

TEST_F(FeedTest, PollsLessAndLessOftenWhenThereIsNothing) {
  engine_.share();
  open({.idle_poll = Milliseconds(250)});
  const auto reader = subscribe_current();
  engine_.on_commit(nullptr);
  create("a");
  env_.advance(Milliseconds(250));
  const auto polls_within = [this](Duration time) {
    const int before = engine_.snapshots();
    env_.advance(time);
    return engine_.snapshots() - before;
  };
  // After 5, 10, 20, 40, 80, 160 and then every 250 milliseconds.
  EXPECT_EQ(polls_within(Milliseconds(315)), 6);
  EXPECT_EQ(polls_within(Milliseconds(2500)), 10);
}

TEST_F(FeedTest, NothingIsPolledWhereNobodyElseWrites) {
  open({.idle_poll = Milliseconds(250)});
  const auto reader = subscribe_current();
  const int before = engine_.snapshots();
  env_.advance(Seconds(60));
  EXPECT_EQ(engine_.snapshots(), before);
  create("a");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("a1"));
}

TEST_F(FeedTest, NothingIsReadForNobody) {
  engine_.share();
  open({.rest_after = Seconds(10)});
  create("a");
  env_.advance(Seconds(60));
  EXPECT_EQ(engine_.snapshots(), 0);

  auto reader = subscribe_current();
  create("b");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("b1"));
  const Cursor left_at = now();
  reader.reset();
  // It may come back in a moment.
  create("c");
  env_.advance(Seconds(9));
  EXPECT_GT(feed_->stats().ring_rows, 0);
  env_.advance(Seconds(2));
  EXPECT_EQ(feed_->stats().ring_rows, 0);
  const int before = engine_.snapshots();
  create("d");
  env_.advance(Seconds(60));
  EXPECT_EQ(engine_.snapshots(), before);

  // Who comes back later has missed nothing, and is current again.
  reader = subscribe(left_at);
  EXPECT_THAT(Names(next(*reader)), ElementsAre("c1", "d1"));
  env_.run_until_idle();
  const int64_t reads = feed_->stats().catch_up_reads;
  create("e");
  EXPECT_THAT(Names(next(*reader)), ElementsAre("e1"));
  EXPECT_EQ(feed_->stats().catch_up_reads, reads);
}

TEST_F(FeedTest, DatabaseThatWasAwayIsReadAgainWithoutANewCommit) {
  open({.idle_poll = Milliseconds(250)});
  const auto reader = subscribe_current();
  const PendingNext waiting(env_, *reader);
  engine_.go_away();
  create("a");
  env_.run_until_idle();
  engine_.come_back();
  env_.advance(Milliseconds(250));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("a1"));
}

TEST_F(FeedTest, ReaderThatCameBeforeTheStartMissesNothing) {
  create("a");
  const Cursor before = now();
  create("b");
  feed_ = std::make_unique<Feed>(env_, engine_);
  const auto reader = subscribe(before);
  EXPECT_THAT(Names(next(*reader)), ElementsAre("b1"));
  const PendingNext waiting(env_, *reader);
  create("c");
  env_.run_until_idle();
  EXPECT_FALSE(waiting.done());
  feed_->start();
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("c1"));
}

TEST_F(FeedTest, CancelEndsTheReaderForGood) {
  open();
  const auto reader = subscribe_current();
  const PendingNext waiting(env_, *reader);
  env_.run_until_idle();
  reader->cancel();
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(ReasonOf(waiting.answer().status()), Reason::kCancelled);
  create("a");
  EXPECT_EQ(error(*reader), Reason::kCancelled);
}

TEST_F(FeedTest, ReaderMayBeDestroyedWhileItWaits) {
  open();
  auto reader = subscribe_current();
  const PendingNext waiting(env_, *reader);
  env_.run_until_idle();
  EXPECT_EQ(feed_->stats().subscriptions, 1);
  reader.reset();
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(ReasonOf(waiting.answer().status()), Reason::kCancelled);
  EXPECT_EQ(feed_->stats().subscriptions, 0);
}

TEST_F(FeedTest, StopEndsEveryReader) {
  open();
  const auto reader = subscribe_current();
  const auto busy = subscribe(now());
  const PendingNext waiting(env_, *reader);
  env_.run_until_idle();
  close();
  env_.run_until_idle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(ReasonOf(waiting.answer().status()), Reason::kShuttingDown);
  EXPECT_EQ(error(*busy), Reason::kShuttingDown) << "it outlives the feed";
}

TEST_F(FeedTest, FeedThatWasNeverStartedStops) {
  feed_ = std::make_unique<Feed>(env_, engine_);
  close();
}

TEST_F(FeedTest, DatabaseThatIsAwayIsReportedToThoseWhoNeedItAndWaitedForByOthers) {
  open({.ring_rows = 2});
  const auto current = subscribe_current();
  const auto behind = subscribe(now());
  for (const char* id : {"a", "b", "c", "d"}) create(id);
  EXPECT_THAT(Names(next(*current)).size(), 4);
  engine_.go_away();
  EXPECT_EQ(error(*behind), Reason::kDatabaseUnavailable);
  const PendingNext waiting(env_, *current);
  create("e");
  env_.advance(Seconds(1));
  EXPECT_FALSE(waiting.done());
  engine_.come_back();
  env_.advance(Seconds(1));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(Names(*waiting.answer()), ElementsAre("e1"));
  EXPECT_THAT(Names(next(*behind)), ElementsAre("a1", "b1", "c1", "d1", "e1"));
}

TEST_F(FeedTest, TailerThatSleptOverAPurgeStartsAnewAndReadersFindOutForThemselves) {
  open();
  create("a");
  env_.run_until_idle();
  const auto fell_behind = subscribe_current();
  engine_.go_away();
  erase("a");
  purge();
  create("b");
  env_.advance(Seconds(1));
  engine_.come_back();
  env_.advance(Seconds(1));
  EXPECT_EQ(error(*fell_behind), Reason::kResumeTooOld);
  const auto fresh = subscribe_current();
  create("c");
  EXPECT_THAT(Names(next(*fresh)), ElementsAre("c1"));
}

TEST_F(FeedTest, ThousandsWaitAndOnlyThoseConcernedAreWoken) {
  open();
  std::vector<std::unique_ptr<Subscription>> readers;
  std::vector<PendingNext> waiting;
  for (int i = 0; i < 5000; ++i) {
    readers.push_back(subscribe(now(), {.name_prefix = "vpcs/" + std::to_string(i) + "/"}));
    next(*readers.back());
    waiting.emplace_back(env_, *readers.back());
  }
  env_.run_until_idle();
  create(Rule("77", "1"));
  create(Rule("4321", "1"));
  env_.run_until_idle();
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(waiting[i].done(), i == 77 || i == 4321) << i;
  EXPECT_EQ(feed_->stats().catch_up_reads, 0);
}

}  // namespace
}  // namespace holdfast::feed
