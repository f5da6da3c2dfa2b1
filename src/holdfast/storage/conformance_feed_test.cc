// The feed: every change once, in order, complete at its bookmarks; and what a purge forgets.
#include <map>

#include "holdfast/base/error.h"
#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> NamesOf(const FeedPage& page) {
  std::vector<std::string> names;
  for (const Row& row : page.rows) names.push_back(row.key.name.str().substr(5));
  return names;
}

TEST_P(EngineConformance, FeedOfAnEmptyDatabaseIsComplete) {
  const auto snap = snapshot();
  const FeedPage page = read(snap->feed(snap->place(), 10));
  EXPECT_THAT(page.rows, IsEmpty());
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(Show(page.next), Show(snap->place()));
}

TEST_P(EngineConformance, FeedHasEveryChangeInOrderOfRevisionThenKey) {
  HF_COVERS("B3");
  const Cursor first = put({CreateRow{.row = NewRow(Vpc("b"))}, CreateRow{.row = NewRow(Vpc("a"))},
                            CreateRow{.row = NewRow(Rule("z", "1"))}});
  const Cursor second = create(Vpc("0"));
  const auto snap = snapshot();
  const FeedPage page = read(snap->feed(beginning(), 10));
  EXPECT_THAT(NamesOf(page), ElementsAre("z/rules/1", "a", "b", "0"));
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(Show(page.next), Show(snap->place()));
  EXPECT_LE(page.rows[0].revision, page.rows[3].revision);
  EXPECT_EQ(page.rows[0].body, "body of vpcs/z/rules/1");
  EXPECT_THAT(NamesOf(read(snap->feed(first, 10))), ElementsAre("0"));
  EXPECT_THAT(NamesOf(read(snap->feed(second, 10))), IsEmpty());
}

TEST_P(EngineConformance, FeedHasTheLatestStateOfARowOnly) {
  create(Vpc("a"));
  create(Vpc("b"));
  Row row = NewRow(Vpc("a"));
  for (int version = 2; version < 6; ++version) {
    row.version = Version(version);
    put({UpdateRow{.row = row, .expected = Version(version - 1)}});
  }
  const FeedPage page = read(snapshot()->feed(beginning(), 10));
  EXPECT_THAT(NamesOf(page), ElementsAre("b", "a"));
  EXPECT_EQ(page.rows[1].version, Version(5));
}

TEST_P(EngineConformance, FeedHasChangesOfStateAndTombstones) {
  const Cursor created = create(Vpc("a"));
  const Cursor closed = put({SetState{.key = Vpc("a"),
                                      .uid = Uid("vpcs/a#1"),
                                      .from_states = StateBit(RowState::kActive),
                                      .to = RowState::kClosing}});
  EXPECT_EQ(Show(read(snapshot()->feed(created, 10)).rows.at(0).state), "CLOSING");
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(5)}});
  const FeedPage page = read(snapshot()->feed(closed, 10));
  EXPECT_THAT(NamesOf(page), ElementsAre("a"));
  EXPECT_EQ(Show(page.rows[0].state), "GONE");
}

TEST_P(EngineConformance, FeedPagesEndWithinARevisionAndGoOnThere) {
  HF_COVERS("B3");
  put({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Vpc("b"))},
       CreateRow{.row = NewRow(Vpc("c"))}});
  create(Vpc("0"));
  const auto snap = snapshot();
  std::vector<std::string> names;
  Cursor cursor = beginning();
  for (bool complete = false; !complete;) {
    const FeedPage page = read(snap->feed(cursor, 2));
    ASSERT_LE(page.rows.size(), 2);
    for (const std::string& name : NamesOf(page)) names.push_back(name);
    complete = page.complete;
    if (!complete) {
      ASSERT_FALSE(page.rows.empty());
      ASSERT_TRUE(page.next.key.has_value()) << "only a complete page ends without a key";
      EXPECT_EQ(*page.next.key, page.rows.back().key);
    }
    cursor = page.next;
  }
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "0"));
  EXPECT_EQ(Show(cursor), Show(snap->place()));
}

TEST_P(EngineConformance, FeedPagesAreBoundedInBytes) {
  for (int i = 0; i < 6; ++i) {
    Row row = NewRow(Vpc(std::to_string(i)));
    row.body = std::string(kMaxPageBytes / 3 + 1, 'x');
    put({CreateRow{.row = row}});
  }
  const auto snap = snapshot();
  FeedPage page = read(snap->feed(beginning(), 100));
  EXPECT_THAT(NamesOf(page), ElementsAre("0", "1"));
  EXPECT_FALSE(page.complete);
  page = read(snap->feed(page.next, 100));
  EXPECT_THAT(NamesOf(page), ElementsAre("2", "3"));
}

TEST_P(EngineConformance, ReplayedFeedGivesWhatAScanGives) {
  HF_COVERS("B3");
  uint64_t seed = 1;
  Cursor cursor = snapshot()->place();
  std::map<ResourceKey, std::string> view;
  // With several writers a row's revision in the feed isn't the one it has elsewhere.
  const auto show = [&](Row row) {
    if (engine_->writers() == Engine::Writers::kOthersToo) row.revision = Revision();
    return Show(row);
  };
  for (int step = 0; step < 200; ++step) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const ResourceKey key = Vpc(std::to_string(seed >> 33 & 7));
    const std::optional<Row> row = get(key);
    if (!row.has_value() || row->state == RowState::kGone) {
      put({CreateRow{.row = NewRow(key, step)}});
    } else if ((seed >> 40 & 1) != 0) {
      put({EraseRow{.key = key, .uid = row->uid}});
    } else {
      Row next = *row;
      next.version = Version(row->version.value() + 1);
      put({UpdateRow{.row = next, .expected = row->version}});
    }
    if ((seed >> 50 & 3) != 0) continue;
    const auto snap = snapshot();
    const FeedPage page = read(snap->feed(cursor, 3));
    for (const Row& changed : page.rows) view[changed.key] = show(changed);
    cursor = page.next;
    if (!page.complete) continue;
    std::string expected;
    for (const Row& now : read(snap->scan({.tombstones = Tombstones::kInclude})).rows) {
      absl::StrAppend(&expected, show(now), "\n");
    }
    std::string seen;
    for (const auto& [at_key, text] : view) absl::StrAppend(&seen, text, "\n");
    ASSERT_EQ(seen, expected) << "at step " << step;
  }
}

TEST_P(EngineConformance, PlaceInAnotherDatabaseIsRefused) {
  create(Vpc("a"));
  const auto snap = snapshot();
  Cursor other = snap->place();
  other.incarnation = "another";
  const auto answer = env_.run(snap->feed(other, 10));
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(answer.status()), Reason::kResumeTooOld);
}

TEST_P(EngineConformance, PlaceThatIsNotThereYetIsRefused) {
  if (engine_->writers() != Engine::Writers::kThisProcess) return;  // a place isn't a number there
  Cursor next = create(Vpc("a"));
  next.revision = Revision(next.revision.value() + 1);
  const auto answer = env_.run(snapshot()->feed(next, 10));
  EXPECT_EQ(ReasonOf(answer.status()), Reason::kResumeTooOld);
}

TEST_P(EngineConformance, PurgeForgetsOldTombstonesOnly) {
  put({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Vpc("b"))},
       CreateRow{.row = NewRow(Vpc("c"))}});
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(10)}});
  put({EraseRow{.key = Vpc("b"), .uid = Uid("vpcs/b#1"), .delete_time = Timestamp(20)}});
  EXPECT_EQ(read(engine_->purge(Timestamp(10), 10)).tombstones, 0);
  const PurgeResult result = read(engine_->purge(Timestamp(11), 10));
  EXPECT_EQ(result.tombstones, 1);
  EXPECT_FALSE(result.more);
  EXPECT_THAT(scan_names({.tombstones = Tombstones::kInclude}), ElementsAre("vpcs/b", "vpcs/c"));
  EXPECT_EQ(get(Vpc("a")), std::nullopt);
}

TEST_P(EngineConformance, PurgeForgetsNoMoreThanItsLimitTheLowestRevisionFirst) {
  for (const char* id : {"c", "b", "a"}) create(Vpc(id));
  for (const char* id : {"b", "c", "a"}) {
    put({EraseRow{.key = Vpc(id),
                  .uid = Uid(std::string("vpcs/") + id + "#1"),
                  .delete_time = Timestamp(1)},
         PutRequest{.id = id}});
  }
  env_.advance(Seconds(1));
  const Timestamp now = env_.clock().now();
  PurgeResult result = read(engine_->purge(now, 2));
  EXPECT_EQ(result.tombstones, 2);
  EXPECT_EQ(result.requests, 2);
  EXPECT_TRUE(result.more);
  EXPECT_THAT(scan_names({.tombstones = Tombstones::kInclude}), ElementsAre("vpcs/a"));
  result = read(engine_->purge(now, 2));
  EXPECT_EQ(result.tombstones, 1);
  EXPECT_EQ(result.requests, 1);
  EXPECT_FALSE(result.more);
}

TEST_P(EngineConformance, PurgeForgetsRequestsByTheirAge) {
  put({PutRequest{.id = "old"}});
  env_.advance(Seconds(10));
  const Timestamp between = env_.clock().now();
  env_.advance(Seconds(10));
  put({PutRequest{.id = "young"}});
  EXPECT_EQ(read(engine_->purge(between, 10)).requests, 1);
  const auto snap = snapshot();
  EXPECT_EQ(Show(read(snap->request("old"))), "none");
  EXPECT_NE(Show(read(snap->request("young"))), "none");
  put({PutRequest{.id = "old"}});
}

TEST_P(EngineConformance, PurgeForgetsLimitsOfWhichNothingIsUsed) {
  std::vector<Op> takes;
  for (const char* id : {"a", "b", "c", "d"}) {
    takes.emplace_back(
        TakeLimit{.key = {.holder = Vpc(id), .counted = kRule}, .n = 1, .default_max = 9});
  }
  put(takes);
  for (int i = 0; i < 3; ++i) std::get<TakeLimit>(takes[i]).n = -1;
  takes.pop_back();
  put(takes);
  PurgeResult result = read(engine_->purge(Timestamp(0), 2));
  EXPECT_TRUE(result.more);
  EXPECT_EQ(read(snapshot()->limits(std::nullopt, 9)).size(), 2);
  result = read(engine_->purge(Timestamp(0), 2));
  EXPECT_FALSE(result.more);
  const std::vector<LimitRow> left = read(snapshot()->limits(std::nullopt, 9));
  ASSERT_EQ(left.size(), 1);
  EXPECT_EQ(left[0].key.holder, Vpc("d"));
  put(takes = {TakeLimit{.key = {.holder = Vpc("a"), .counted = kRule}, .n = 1, .default_max = 9}});
}

TEST_P(EngineConformance, RequestNotedAloneIsNoNewStateForReaders) {
  const Cursor before = create(Vpc("a"));
  put({PutRequest{.id = "r", .hash = "h"}});
  const auto after = snapshot();
  EXPECT_NE(Show(read(after->request("r"))), "none");
  if (engine_->writers() == Engine::Writers::kThisProcess) {
    EXPECT_EQ(after->revision(), before.revision);
  }
  EXPECT_TRUE(read(after->feed(before, 10)).rows.empty());
  put({CreateRow{.row = NewRow(Vpc("b"))}});
  EXPECT_EQ(read(snapshot()->feed(before, 10)).rows.size(), 1);
}

TEST_P(EngineConformance, FeedIsRefusedBelowAForgottenTombstoneAndServedFromThere) {
  HF_COVERS("B3");
  const Cursor created =
      put({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Vpc("b"))}});
  const Cursor erased =
      put({EraseRow{.key = Vpc("b"), .uid = Uid("vpcs/b#1"), .delete_time = Timestamp(1)},
           UpdateRow{.row =
                         [] {
                           Row row = NewRow(Vpc("a"));
                           row.version = Version(2);
                           return row;
                         }(),
                     .expected = Version(1)}});
  const Cursor behind_a = read(snapshot()->feed(created, 1)).next;
  ASSERT_EQ(behind_a.key, Vpc("a"));
  create(Vpc("c"));
  EXPECT_EQ(read(engine_->purge(Timestamp(2), 10)).tombstones, 1);
  const auto snap = snapshot();
  const auto below = env_.run(snap->feed(created, 10));
  EXPECT_EQ(ReasonOf(below.status()), Reason::kResumeTooOld);
  const auto within = env_.run(snap->feed(behind_a, 10));
  EXPECT_EQ(ReasonOf(within.status()), Reason::kResumeTooOld)
      << "the tombstone of b came behind this place";
  EXPECT_THAT(NamesOf(read(snap->feed(erased, 10))), ElementsAre("c"));
}

TEST_P(EngineConformance, PurgeThatForgetsNothingRefusesNobody) {
  const Cursor created = create(Vpc("a"));
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(5)}});
  const std::string before = dump();
  EXPECT_EQ(read(engine_->purge(Timestamp(5), 10)).tombstones, 0);
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(read(snapshot()->feed(created, 10)).rows.size(), 1);
}

TEST_P(EngineConformance, NameWithAPurgedTombstoneStartsAnew) {
  create(Vpc("a"));
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(1)}});
  EXPECT_EQ(read(engine_->purge(Timestamp(2), 10)).tombstones, 1);
  put({CreateRow{.row = NewRow(Vpc("a"), 2)}});
  EXPECT_EQ(get(Vpc("a"))->uid, Uid("vpcs/a#2"));
}

}  // namespace
}  // namespace holdfast::storage
