#include "holdfast/feed/ring.h"

#include "holdfast/storage/conformance.h"

namespace holdfast::feed {
namespace {

using storage::Cursor;
using storage::NewRow;
using storage::Row;
using storage::Vpc;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ReadLimits kPlenty{.rows = 100, .bytes = 1 << 20, .examined = 1000};

SharedRow At(int64_t revision, std::string_view id) {
  Row row = NewRow(Vpc(id));
  row.revision = Revision(revision);
  row.version = Version(revision);
  return std::make_shared<const Row>(std::move(row));
}

Cursor Behind(int64_t revision, std::optional<std::string> id = std::nullopt) {
  Cursor cursor{.incarnation = "i", .revision = Revision(revision)};
  if (id.has_value()) cursor.key = Vpc(*id);
  return cursor;
}

std::vector<std::string> Names(const FeedBatch& batch) {
  std::vector<std::string> names;
  for (const SharedRow& row : batch.rows) {
    names.push_back(row->key.name.str().substr(5) + std::to_string(row->version.value()));
  }
  return names;
}

class RingTest : public ::testing::Test {
 protected:
  RingTest() { ring_.reset(Behind(10)); }

  Ring ring_{{.rows = 5, .bytes = 1 << 20}};
  Interest all_;
};

TEST_F(RingTest, CoversWhatCameAfterItsStart) {
  EXPECT_TRUE(ring_.covers(Behind(10)));
  EXPECT_TRUE(ring_.covers(Behind(11)));
  EXPECT_FALSE(ring_.covers(Behind(10, "a"))) << "the rest of revision 10 isn't here";
  EXPECT_FALSE(ring_.covers(Behind(9)));
  EXPECT_FALSE((Ring({.rows = 5, .bytes = 5}).covers(Behind(10)))) << "not begun";
}

TEST_F(RingTest, GivesABookmarkWhereNothingIsNew) {
  const FeedBatch batch = ring_.read(Behind(10), all_, kPlenty);
  EXPECT_THAT(batch.rows, IsEmpty());
  EXPECT_TRUE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(Behind(10)));
}

TEST_F(RingTest, GivesNoBookmarkToAReaderThatIsAheadOfTheTailer) {
  const FeedBatch batch = ring_.read(Behind(12), all_, kPlenty);
  EXPECT_FALSE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(Behind(12)));
}

TEST_F(RingTest, GivesWhatIsBehindTheCursorUpToTheLastCompleteState) {
  ring_.append({At(11, "a"), At(11, "b"), At(12, "c")});
  ring_.complete(Behind(12));
  const FeedBatch batch = ring_.read(Behind(11, "a"), all_, kPlenty);
  EXPECT_THAT(Names(batch), ElementsAre("b11", "c12"));
  EXPECT_TRUE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(Behind(12)));
}

TEST_F(RingTest, GivesNoBookmarkInTheMiddleOfAState) {
  ring_.append({At(11, "a"), At(11, "b")});
  const FeedBatch batch = ring_.read(Behind(10), all_, kPlenty);
  EXPECT_THAT(Names(batch), ElementsAre("a11", "b11"));
  EXPECT_FALSE(batch.bookmark);
  EXPECT_EQ(Show(batch.cursor), Show(Behind(11, "b")));
  ring_.complete(Behind(11));
  EXPECT_TRUE(ring_.read(batch.cursor, all_, kPlenty).bookmark);
}

TEST_F(RingTest, CutsAtACompleteStateWhereOneFits) {
  ring_.append({At(11, "a")});
  ring_.complete(Behind(11));
  ring_.append({At(12, "b"), At(12, "c"), At(12, "d")});
  ring_.complete(Behind(12));
  const ReadLimits limits{.rows = 3, .bytes = 1 << 20, .examined = 1000};
  FeedBatch batch = ring_.read(Behind(10), all_, limits);
  EXPECT_THAT(Names(batch), ElementsAre("a11"));
  EXPECT_TRUE(batch.bookmark);
  batch = ring_.read(batch.cursor, all_, {.rows = 2, .bytes = 1 << 20, .examined = 1000});
  EXPECT_THAT(Names(batch), ElementsAre("b12", "c12")) << "none fits";
  EXPECT_FALSE(batch.bookmark);
}

TEST_F(RingTest, HandsOverAtMostTheBytesButOneRow) {
  ring_.append({At(11, "a"), At(12, "b")});
  ring_.complete(Behind(12));
  const FeedBatch batch = ring_.read(Behind(10), all_, {.rows = 100, .bytes = 1, .examined = 1000});
  EXPECT_THAT(Names(batch), ElementsAre("a11"));
  EXPECT_FALSE(batch.bookmark);
}

TEST_F(RingTest, LooksAtNoMoreThanItMay) {
  ring_.append({At(11, "a"), At(11, "b"), At(11, "c")});
  ring_.complete(Behind(11));
  const ReadLimits limits{.rows = 100, .bytes = 1 << 20, .examined = 2};
  const Interest c{.name_prefix = "vpcs/c"};
  const FeedBatch first = ring_.read(Behind(10), c, limits);
  EXPECT_THAT(first.rows, IsEmpty());
  EXPECT_FALSE(first.bookmark);
  EXPECT_EQ(Show(first.cursor), Show(Behind(11, "b")));
  EXPECT_THAT(Names(ring_.read(first.cursor, c, limits)), ElementsAre("c11"));
}

TEST_F(RingTest, CoalescesAlsoBeyondTheNumberOfRowsOfABatch) {
  ring_.append({At(11, "a"), At(12, "b"), At(13, "a"), At(14, "b"), At(15, "a")});
  ring_.complete(Behind(15));
  const FeedBatch batch =
      ring_.read(Behind(10), all_, {.rows = 2, .bytes = 1 << 20, .examined = 1000});
  EXPECT_THAT(Names(batch), ElementsAre("b14", "a15"));
  EXPECT_TRUE(batch.bookmark);
}

TEST_F(RingTest, ForgetsTheOldestRowsAboveItsNumber) {
  for (int64_t revision = 11; revision <= 17; ++revision) {
    ring_.append({At(revision, "a")});
    ring_.complete(Behind(revision));
  }
  EXPECT_EQ(ring_.rows(), 5);
  EXPECT_FALSE(ring_.covers(Behind(11)));
  EXPECT_FALSE(ring_.covers(Behind(12, "0")));
  EXPECT_TRUE(ring_.covers(Behind(12, "a")));
  EXPECT_TRUE(ring_.covers(Behind(12)));
  EXPECT_THAT(Names(ring_.read(Behind(12), all_, kPlenty)), ElementsAre("a17"));
}

TEST_F(RingTest, ForgetsTheOldestRowsAboveItsBytes) {
  Ring ring({.rows = 1000, .bytes = 10'000});
  ring.reset(Behind(0));
  for (int64_t revision = 1; revision < 100; ++revision) {
    ring.append({At(revision, "a")});
    ring.complete(Behind(revision));
    EXPECT_LE(ring.bytes(), 10'000);
  }
  EXPECT_GT(ring.rows(), 5);
  EXPECT_LT(ring.rows(), 50);
}

TEST_F(RingTest, ForgetsARowThatIsLargerThanAllOfIt) {
  Ring ring({.rows = 10, .bytes = 100});
  ring.reset(Behind(10));
  ring.append({At(11, "a")});
  EXPECT_EQ(ring.rows(), 0);
  EXPECT_EQ(ring.bytes(), 0);
  EXPECT_EQ(ring.last_appended(), Revision(11));
  EXPECT_FALSE(ring.covers(Behind(10)));
}

TEST_F(RingTest, RowsOfOneRevisionMayComeInAnyOrder) {
  ring_.append({At(11, "b"), At(11, "a"), At(11, "c")});
  ring_.complete(Behind(11));
  const FeedBatch first = ring_.read(Behind(10), all_, {.rows = 1, .bytes = 99, .examined = 99});
  EXPECT_THAT(Names(first), ElementsAre("b11"));
  EXPECT_FALSE(first.bookmark);
  const FeedBatch rest = ring_.read(first.cursor, all_, kPlenty);
  EXPECT_THAT(Names(rest), ElementsAre("a11", "c11"));
  EXPECT_TRUE(rest.bookmark);
  EXPECT_FALSE(ring_.covers(Behind(11, "z"))) << "a place that isn't the ring's";
}

TEST_F(RingTest, CursorCarriesTheWordsOfTheLastCompleteState) {
  Cursor start = Behind(10);
  start.snapshot = "ten";
  Cursor end = Behind(11);
  end.snapshot = "eleven";
  ring_.append({At(11, "a"), At(11, "b")});
  ring_.complete(end);
  const FeedBatch half = ring_.read(start, all_, {.rows = 1, .bytes = 99, .examined = 99});
  EXPECT_EQ(half.cursor.snapshot, "ten");
  EXPECT_EQ(ring_.read(half.cursor, all_, kPlenty).cursor.snapshot, "eleven");
  EXPECT_EQ(ring_.place_before(Revision(12))->snapshot, "eleven");
  EXPECT_EQ(ring_.place_before(Revision(11))->snapshot, "");
  EXPECT_EQ(ring_.place_before(Revision(10)), nullptr);
}

TEST_F(RingTest, WordsOfPlacesCountInItsBytes) {
  Ring ring({.rows = 1000, .bytes = 100'000});
  ring.reset(Behind(0));
  for (int revision = 1; revision <= 100; ++revision) {
    ring.append({At(revision, "a")});
    Cursor place = Behind(revision);
    place.snapshot = std::string(8000, 'x');
    ring.complete(place);
    ASSERT_LE(ring.bytes(), 100'000);
  }
  EXPECT_GE(ring.rows(), 5);
  EXPECT_LE(ring.rows(), 12);
}

TEST_F(RingTest, StartsAnewAtAnotherState) {
  ring_.append({At(11, "a")});
  ring_.complete(Behind(11));
  ring_.reset(Behind(20));
  EXPECT_FALSE(ring_.covers(Behind(11)));
  EXPECT_TRUE(ring_.read(Behind(20), all_, kPlenty).bookmark);
  EXPECT_EQ(ring_.rows(), 0);
}

}  // namespace
}  // namespace holdfast::feed
