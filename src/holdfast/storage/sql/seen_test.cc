#include "holdfast/storage/sql/seen.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>

#include "holdfast/storage/engine.h"

namespace holdfast::storage::sql {
namespace {

Seen Of(std::string_view pg_snapshot) {
  const std::optional<Seen> seen = SeenOfSnapshot(pg_snapshot);
  EXPECT_TRUE(seen.has_value()) << pg_snapshot;
  return seen.value_or(Seen{});
}

TEST(Seen, IsWhatIsBelowTheTopAndNotRunning) {
  const Seen seen = Of("10:20:10,13,19");
  for (const Xid xid : {1, 9, 11, 12, 14, 18}) EXPECT_TRUE(seen.contains(xid)) << xid;
  for (const Xid xid : {10, 13, 19, 20, 21}) EXPECT_FALSE(seen.contains(xid)) << xid;
  EXPECT_EQ(seen.count(), 17);
  EXPECT_TRUE(Of("20:20:").contains(19));
}

TEST(Seen, RefusesWhatIsNoSnapshot) {
  for (const char* text : {"", "1:2", "0:5:", "a:5:", "1:0:", "3:5:6", "3:5:4,3", "3:5:3,3",
                           "3:5:x", "1:2::", "1:-2:"}) {
    EXPECT_EQ(SeenOfSnapshot(text), std::nullopt) << text;
  }
}

TEST(Seen, LaterSnapshotIncludesAnEarlierOneAndCountsMore) {
  const Seen before = Of("10:20:10,13");
  for (const char* later : {"10:20:10", "10:21:10,13", "13:30:13,25", "30:30:"}) {
    EXPECT_TRUE(Of(later).includes(before)) << later;
    EXPECT_FALSE(before.includes(Of(later))) << later;
    EXPECT_GT(Of(later).count(), before.count()) << later;
  }
  EXPECT_TRUE(before.includes(before));
  EXPECT_FALSE(Of("11:30:11").includes(before)) << "11 was over before";
  EXPECT_FALSE(Of("15:15:").includes(before));
}

TEST(Seen, CutKeepsWhatIsBelow) {
  const Seen seen = Of("10:20:10,13,19");
  EXPECT_EQ(seen.below(14), Of("10:14:10,13"));
  EXPECT_EQ(seen.below(13), Of("10:13:10"));
  EXPECT_EQ(seen.below(50), seen);
  EXPECT_TRUE(seen.includes(seen.below(12)));
}

TEST(SeenPlace, TextGivesThePlaceAgain) {
  for (const char* snapshot : {"1:1:", "700:700:", "10:20:10,13,19", "5:900:5"}) {
    for (const Xid within : {Xid{0}, Xid{900}}) {
      const SeenPlace place{.timeline = "0000000A", .seen = Of(snapshot), .within = within};
      EXPECT_EQ(ParseSeenPlace(SeenPlaceText(place)), place) << SeenPlaceText(place);
    }
  }
  EXPECT_EQ(SeenPlaceText({.timeline = "1", .seen = Of("10:20:10,13,19"), .within = 13}),
            "1:20:1,6,3:13");
}

TEST(SeenPlace, RefusesWhatIsNone) {
  for (const char* text : {"", "1", "1:2", "1:0:", "1:5:0", "1:5:5", "1:5:3,3", "1:5:x",
                           "1:5::", "1:5::3", "1:5::x", "1:5:::", "1:-5:"}) {
    EXPECT_EQ(ParseSeenPlace(text), std::nullopt) << text;
  }
}

TEST(SeenPlace, AThousandRunningTransactionsFit) {
  Seen seen{.top = 40'000'000'000, .running = {}};
  std::mt19937_64 random(1);
  std::set<Xid> running;
  // As far apart as PostgreSQL lets them be.
  while (running.size() < kMaxRunningSeen) running.insert(seen.top - 1 - random() % 2'000'000'000);
  seen.running.assign(running.begin(), running.end());
  const SeenPlace place{.timeline = "FFFFFFFF", .seen = seen, .within = seen.top};
  EXPECT_EQ(FittingPlace(place), place);
  EXPECT_LE(SeenPlaceText(place).size(), kMaxCursorSnapshot);
}

TEST(SeenPlace, OfMoreRunningTransactionsIsAnEarlierOne) {
  Seen seen{.top = 5000, .running = std::vector<Xid>(kMaxRunningSeen + 200)};
  std::iota(seen.running.begin(), seen.running.end(), 2000);
  const SeenPlace place = FittingPlace({.timeline = "1", .seen = seen});
  EXPECT_EQ(place.seen.running.size(), kMaxRunningSeen);
  EXPECT_EQ(place.seen.top, 3000);
  EXPECT_TRUE(seen.includes(place.seen));
}

}  // namespace
}  // namespace holdfast::storage::sql
