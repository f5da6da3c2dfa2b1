// Snapshots: get, scan, duties; and that what they read stands still.
#include <set>

#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(EngineConformance, GetAnswersInTheOrderOfTheKeysWithTombstones) {
  put({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Vpc("b"))}});
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1")}});
  const auto snap = snapshot();
  const auto rows = read(snap->get({Vpc("b"), Vpc("none"), Vpc("a"), Vpc("b")}, Fields::kAll));
  ASSERT_EQ(rows.size(), 4);
  EXPECT_EQ(rows[0]->key, Vpc("b"));
  EXPECT_EQ(rows[1], std::nullopt);
  EXPECT_EQ(Show(rows[2]->state), "GONE");
  EXPECT_EQ(Show(rows[3]), Show(rows[0]));
  EXPECT_THAT(read(snap->get({}, Fields::kAll)), IsEmpty());
}

TEST_P(EngineConformance, ShadowIsTheRowWithoutBodyFieldsAndOutgoing) {
  HF_COVERS("R8", "B3");
  Row row = NewRow(Vpc("a"));
  row.outgoing = "out";
  put({CreateRow{.row = row}});
  row = *get(Vpc("a"));
  row.body.reset();
  row.fields.clear();
  row.outgoing.clear();
  const auto snap = snapshot();
  EXPECT_EQ(Show(read(snap->get({Vpc("a")}, Fields::kShadow))[0]), Show(row));
  EXPECT_EQ(Show(read(snap->scan({.fields = Fields::kShadow})).rows), Show(std::vector{row}));
}

TEST_P(EngineConformance, ScanReadsAllKindsInOrder) {
  fill();
  EXPECT_THAT(scan_names({}), ElementsAre("vpcs/a/rules/1", "vpcs/a/rules/2", "vpcs/b/rules/1",
                                          "vpcs/a", "vpcs/ab", "vpcs/b"));
}

TEST_P(EngineConformance, ScanReadsTheKindsAskedForInOrderOfKind) {
  fill();
  EXPECT_THAT(scan_names({.kinds = {kVpc}}), ElementsAre("vpcs/a", "vpcs/ab", "vpcs/b"));
  EXPECT_THAT(scan_names({.kinds = {kVpc, KindName("none"), kRule}}).size(), 6);
  EXPECT_THAT(scan_names({.kinds = {KindName("none")}}), IsEmpty());
}

TEST_P(EngineConformance, ScanReadsNamesWithAPrefix) {
  fill();
  EXPECT_THAT(scan_names({.name_prefix = "vpcs/a/"}),
              ElementsAre("vpcs/a/rules/1", "vpcs/a/rules/2"));
  EXPECT_THAT(scan_names({.kinds = {kVpc}, .name_prefix = "vpcs/a"}),
              ElementsAre("vpcs/a", "vpcs/ab"));
  EXPECT_THAT(scan_names({.name_prefix = "none"}), IsEmpty());
}

TEST_P(EngineConformance, ScanOrdersNamesByBytes) {
  for (const char* id : {"Z", "a", "\xc3\xa9", "a-", "a.", "a0", "A"}) create(Vpc(id));
  EXPECT_THAT(scan_names({}), ElementsAre("vpcs/A", "vpcs/Z", "vpcs/a", "vpcs/a-", "vpcs/a.",
                                          "vpcs/a0", "vpcs/\xc3\xa9"));
}

TEST_P(EngineConformance, ScanShowsTombstonesOnlyWhenAsked) {
  fill();
  EXPECT_THAT(scan_names({.kinds = {kVpc}, .tombstones = Tombstones::kInclude}),
              ElementsAre("vpcs/a", "vpcs/ab", "vpcs/b", "vpcs/c"));
}

TEST_P(EngineConformance, ScanGoesOnBehindAnyKey) {
  fill();
  EXPECT_THAT(scan_names({.after = Rule("b", "0")}),
              ElementsAre("vpcs/b/rules/1", "vpcs/a", "vpcs/ab", "vpcs/b"));
  EXPECT_THAT(scan_names({.kinds = {kVpc}, .name_prefix = "vpcs/a", .after = Vpc("a")}),
              ElementsAre("vpcs/ab"));
  EXPECT_THAT(scan_names({.kinds = {kRule}, .after = Vpc("a")}), IsEmpty());
}

TEST_P(EngineConformance, ScanPagesHoldNoMoreThanTheLimitAndTogetherEverything) {
  fill();
  for (size_t limit : {1, 2, 3, 5, 6, 7}) {
    size_t pages = 0;
    EXPECT_EQ(scan_names({.limit = limit}, &pages), scan_names({})) << limit;
    EXPECT_GE(pages, (6 + limit - 1) / limit);
    EXPECT_LE(pages, 6 / limit + 1);
  }
}

TEST_P(EngineConformance, ScanLimitsAboveTheLargestPageAreCut) {
  std::vector<Op> ops;
  for (size_t i = 0; i < kMaxPage + 5; ++i) {
    ops.push_back(CreateRow{.row = NewRow(Vpc("v" + std::to_string(i)))});
  }
  put(std::move(ops));
  const auto snap = snapshot();
  const ScanPage page = read(snap->scan({.limit = kMaxPage + 5}));
  EXPECT_EQ(page.rows.size(), kMaxPage);
  EXPECT_TRUE(page.next.has_value());
  const FeedPage changes = read(snap->feed(beginning(), kMaxPage + 5));
  EXPECT_EQ(changes.rows.size(), kMaxPage);
  EXPECT_FALSE(changes.complete);
}

TEST_P(EngineConformance, ScanPagesEndBeforeTheirBytesAreExceededButHoldOneRow) {
  for (const char* id : {"a", "b", "c", "d"}) {
    Row row = NewRow(Vpc(id));
    row.body = std::string(std::string_view(id) == "c" ? 1000 : 100, 'x');
    put({CreateRow{.row = row}});
  }
  const auto snap = snapshot();
  const ScanPage page = read(snap->scan({.max_bytes = 250}));
  EXPECT_EQ(page.rows.size(), 2);
  const ScanPage big = read(snap->scan({.after = page.next, .max_bytes = 250}));
  EXPECT_EQ(big.rows.size(), 1);
  EXPECT_THAT(scan_names({.max_bytes = 250}), ElementsAre("vpcs/a", "vpcs/b", "vpcs/c", "vpcs/d"));
  EXPECT_EQ(read(snap->scan({.max_bytes = 250, .fields = Fields::kShadow})).rows.size(), 4);
}

TEST_P(EngineConformance, ScanPagesEndWhenEnoughHasBeenLookedAt) {
  std::vector<Op> ops;
  for (int i = 0; i < 30; ++i) {
    ops.push_back(CreateRow{.row = NewRow(Vpc("v" + std::to_string(10 + i)))});
  }
  put(std::move(ops));
  for (int i = 0; i < 29; ++i) {
    const ResourceKey key = Vpc("v" + std::to_string(10 + i));
    put({EraseRow{.key = key, .uid = Uid(key.name.str() + "#1")}});
  }
  const auto snap = snapshot();
  const ScanPage page = read(snap->scan({.max_examined = 10}));
  EXPECT_THAT(page.rows, IsEmpty());
  EXPECT_TRUE(page.next.has_value());
  EXPECT_THAT(scan_names({.max_examined = 10}), ElementsAre("vpcs/v39"));
}

TEST_P(EngineConformance, ScanConditionsLoseNoMatch) {
  for (int i = 0; i < 20; ++i) {
    Row row = NewRow(Vpc("v" + std::to_string(10 + i)));
    row.fields = i % 5 == 4 ? "" : "{\"size\":" + std::to_string(i % 5) + "}";
    put({CreateRow{.row = row}});
  }
  using Condition = filter::IndexCondition;
  const Condition at_least{
      .path = "size", .op = Condition::Op::kGreaterOrEqual, .value = int64_t{2}};
  const Condition below{.path = "size", .op = Condition::Op::kLess, .value = int64_t{3}};
  for (size_t limit : {1, 3, 1000}) {
    const std::vector<std::string> found =
        scan_names({.kinds = {kVpc}, .limit = limit, .conditions = {at_least, below}});
    const std::set<std::string> set(found.begin(), found.end());
    EXPECT_EQ(set.size(), found.size());
    for (const char* match : {"vpcs/v12", "vpcs/v17", "vpcs/v22", "vpcs/v27"}) {
      EXPECT_TRUE(set.contains(match)) << match;
    }
  }
}

TEST_P(EngineConformance, DutiesAreRowsThatWaitForSomething) {
  for (const char* id : {"active", "closing", "deleting", "gone", "pending"}) create(Vpc(id));
  const auto set_state = [this](const char* id, RowState to, uint32_t pending, const char* round) {
    put({SetState{.key = Vpc(id),
                  .uid = Uid(std::string("vpcs/") + id + "#1"),
                  .from_states = StateBit(RowState::kActive),
                  .to = to,
                  .round = round,
                  .pending = pending}});
  };
  set_state("closing", RowState::kClosing, kPendingExpand, "r1");
  set_state("deleting", RowState::kDeleting, kPendingRemove | kPendingUnset, "r2");
  set_state("pending", RowState::kActive, kPendingUnset, "");
  put({EraseRow{.key = Vpc("gone"), .uid = Uid("vpcs/gone#1")}});
  const auto found = [this](DutyQuery query) {
    std::vector<std::string> names;
    const auto snap = snapshot();
    do {
      const ScanPage page = read(snap->duties(query));
      for (const Row& row : page.rows) names.push_back(row.key.name.str().substr(5));
      query.after = page.next;
    } while (query.after.has_value());
    return names;
  };
  EXPECT_THAT(found({}), ElementsAre("closing", "deleting", "pending"));
  EXPECT_THAT(found({.limit = 1}), ElementsAre("closing", "deleting", "pending"));
  EXPECT_THAT(found({.state = RowState::kDeleting}), ElementsAre("deleting"));
  EXPECT_THAT(found({.round = "r1"}), ElementsAre("closing"));
  EXPECT_THAT(found({.pending = kPendingUnset}), ElementsAre("deleting", "pending"));
  EXPECT_THAT(found({.pending = kPendingUnset | kPendingExpand, .after = Vpc("closing")}),
              ElementsAre("deleting", "pending"));
  EXPECT_THAT(found({.state = RowState::kClosing, .round = "r2"}), IsEmpty());
}

TEST_P(EngineConformance, SnapshotStandsStillWhileOthersWrite) {
  HF_COVERS("T9");
  const LimitKey limit{.holder = Vpc("a"), .counted = kRule};
  const Edge edge = EdgeTo(Vpc("t"), Vpc("a"));
  put({CreateRow{.row = NewRow(Vpc("a")), .edges = {edge}},
       TakeLimit{.key = limit, .n = 1, .default_max = 9}, PutCursor{.name = "c", .value = "1"}});
  const auto old = snapshot();
  const std::string before = DumpSnapshot(env_, *old);
  Row row = NewRow(Vpc("a"));
  row.version = Version(2);
  put({UpdateRow{.row = row, .expected = Version(1), .removed_edges = {edge}},
       TakeLimit{.key = limit, .n = 1, .default_max = 9}, PutCursor{.name = "c", .value = "2"},
       CreateRow{.row = NewRow(Vpc("b"))}, PutRequest{.id = "r"}});
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1")}});
  EXPECT_EQ(DumpSnapshot(env_, *old), before);
  EXPECT_EQ(read(old->cursor("c")), "1");
  EXPECT_EQ(Show(read(old->request("r"))), "none");
  EXPECT_EQ(read(old->count_inbound(Vpc("t"), ~0u)), 1);
  const FeedPage changes = read(old->feed(beginning(), 10));
  ASSERT_EQ(changes.rows.size(), 1);
  EXPECT_EQ(changes.rows[0].version, Version(1));
  EXPECT_EQ(changes.next.revision, old->revision());
  EXPECT_NE(dump(), before);
}

TEST_P(EngineConformance, SnapshotStandsStillOverAPurge) {
  create(Vpc("a"));
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(1)}});
  const auto old = snapshot();
  const std::string before = DumpSnapshot(env_, *old);
  EXPECT_EQ(read(engine_->purge(Timestamp(2), 10)).tombstones, 1);
  EXPECT_EQ(DumpSnapshot(env_, *old), before);
  const FeedPage changes = read(old->feed(beginning(), 10));
  EXPECT_EQ(changes.rows.size(), 1);
}

}  // namespace
}  // namespace holdfast::storage
