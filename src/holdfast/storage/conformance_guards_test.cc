// Every guard and check of batch.h: it fails exactly where it should, with what was observed.
#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

using Kind = Failure::Kind;

TEST_P(EngineConformance, RequestIsKeptAndItsRepeatGetsTheFirstAnswer) {
  const PutRequest first{.id = "r1", .hash = "h1", .answer = "a1"};
  put({first});
  const auto snap = snapshot();
  EXPECT_EQ(Show(read(snap->request("r1"))), "r1 h1 a1");
  EXPECT_EQ(Show(read(snap->request("r2"))), "none");
  const Failure failure = refused(
      {CreateRow{.row = NewRow(Vpc("a"))}, PutRequest{.id = "r1", .hash = "h2", .answer = "a2"}}, 1,
      Kind::kRequestSeen);
  EXPECT_EQ(Show(failure.request), "r1 h1 a1");
}

TEST_P(EngineConformance, FailedBatchKeepsNoRequest) {
  refused({PutRequest{.id = "r1"}, RequireTarget{.key = Vpc("none")}}, 1, Kind::kGuard);
  EXPECT_EQ(Show(read(snapshot()->request("r1"))), "none");
}

TEST_P(EngineConformance, RequireRowHoldsForTheRowThatWasMeant) {
  create(Vpc("a"));
  put({RequireRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .version = Version(1), .round = ""}});
}

TEST_P(EngineConformance, RequireRowFailsWhereThereIsNone) {
  EXPECT_EQ(guard_fails({RequireRow{.key = Vpc("a")}}, 0).row, std::nullopt);
}

TEST_P(EngineConformance, RequireRowFailsForAnotherStateUidVersionOrRound) {
  HF_COVERS("T2");
  create(Vpc("a"));
  Row shadow = *get(Vpc("a"));
  shadow.body.reset();
  shadow.fields.clear();
  const std::vector<RequireRow> guards = {
      {.key = Vpc("a"), .states = StateBit(RowState::kClosing)},
      {.key = Vpc("a"), .uid = Uid("another")},
      {.key = Vpc("a"), .version = Version(2)},
      {.key = Vpc("a"), .round = "r"},
  };
  for (const RequireRow& guard : guards) {
    EXPECT_EQ(Show(guard_fails({guard}, 0).row), Show(shadow));
  }
}

TEST_P(EngineConformance, RequireRowSeesATombstoneOnlyIfItAsksForOne) {
  create(Vpc("a"));
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(7)}});
  put({RequireRow{.key = Vpc("a"), .states = StateBit(RowState::kGone)}});
  const Failure failure = guard_fails({RequireRow{.key = Vpc("a")}}, 0);
  ASSERT_TRUE(failure.row.has_value());
  EXPECT_EQ(failure.row->state, RowState::kGone);
}

TEST_P(EngineConformance, GuardsSeeTheRowAsItWasBeforeTheBatch) {
  create(Vpc("a"));
  // The guard comes last in the batch and still runs first.
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1")}, RequireRow{.key = Vpc("a")}});
  guard_fails({CreateRow{.row = NewRow(Vpc("b"))}, RequireRow{.key = Vpc("b")}}, 1);
}

TEST_P(EngineConformance, RequireTargetSeesWhatTheBatchCreatedAndErased) {
  HF_COVERS("R38");
  put({RequireTarget{.key = Vpc("a")}, CreateRow{.row = NewRow(Vpc("a"))}});
  guard_fails({RequireTarget{.key = Vpc("a")}, EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1")}},
              0);
}

TEST_P(EngineConformance, RequireTargetFailsUnlessTheRowIsActive) {
  EXPECT_EQ(guard_fails({RequireTarget{.key = Vpc("a")}}, 0).row, std::nullopt);
  create(Vpc("a"));
  put({SetState{.key = Vpc("a"),
                .uid = Uid("vpcs/a#1"),
                .from_states = StateBit(RowState::kActive),
                .to = RowState::kClosing}});
  const Failure failure = guard_fails({RequireTarget{.key = Vpc("a")}}, 0);
  ASSERT_TRUE(failure.row.has_value());
  EXPECT_EQ(failure.row->state, RowState::kClosing);
  EXPECT_EQ(failure.row->body, std::nullopt);
}

TEST_P(EngineConformance, RequireNoInboundNamesTheFirstReference) {
  const Edge first = EdgeTo(Vpc("a"), Vpc("b"), OnDelete::kUnset, "x");
  put({CreateRow{.row = NewRow(Vpc("a"))},
       CreateRow{.row = NewRow(Vpc("c")), .edges = {EdgeTo(Vpc("a"), Vpc("c"))}},
       CreateRow{.row = NewRow(Vpc("b")),
                 .edges = {EdgeTo(Vpc("a"), Vpc("b"), OnDelete::kBlock, "y"), first}}});
  EXPECT_EQ(Show(guard_fails({RequireNoInbound{.key = Vpc("a")}}, 0).edge), Show(first));
  put({RequireNoInbound{.key = Vpc("b")}});
}

TEST_P(EngineConformance, RequireNoInboundDoesNotCountReferencesThatMayDangle) {
  put({CreateRow{.row = NewRow(Vpc("b")),
                 .edges = {EdgeTo(Vpc("a"), Vpc("b"), OnDelete::kAllowDangling)}},
       RequireNoInbound{.key = Vpc("a")}});
}

TEST_P(EngineConformance, RequireNoInboundHoldsWhenTheBatchRemovesTheLastReference) {
  const Edge edge = EdgeTo(Vpc("a"), Vpc("b"));
  put({CreateRow{.row = NewRow(Vpc("b")), .edges = {edge}}});
  put({RequireNoInbound{.key = Vpc("a")},
       EraseRow{.key = Vpc("b"), .uid = Uid("vpcs/b#1"), .removed_edges = {edge}}});
}

TEST_P(EngineConformance, RequireNoChildrenNamesTheFirstChild) {
  put({CreateRow{.row = NewRow(Vpc("a"))}, CreateRow{.row = NewRow(Rule("a", "2"))},
       CreateRow{.row = NewRow(Rule("a", "1"))}, CreateRow{.row = NewRow(Rule("b", "0"))}});
  const Failure failure =
      guard_fails({RequireNoChildren{.key = Vpc("a"), .kinds = {kVpc, kRule}}}, 0);
  EXPECT_EQ(Show(failure.child), Show(Rule("a", "1")));
}

TEST_P(EngineConformance, RequireNoChildrenLooksOnlyAtItsKindsAndBelowItsName) {
  put({CreateRow{.row = NewRow(Rule("a", "1"))}, CreateRow{.row = NewRow(Vpc("ab"))},
       RequireNoChildren{.key = Vpc("a"), .kinds = {kVpc}}, RequireNoChildren{.key = Vpc("a")},
       RequireNoChildren{.key = Vpc(""), .kinds = {KindName("none")}}});
}

TEST_P(EngineConformance, RequireNoChildrenCountsChildrenOfEveryStateButGone) {
  create(Rule("a", "1"));
  const RequireNoChildren check{.key = Vpc("a"), .kinds = {kRule}};
  put({SetState{.key = Rule("a", "1"),
                .uid = Uid("vpcs/a/rules/1#1"),
                .from_states = StateBit(RowState::kActive),
                .to = RowState::kDeleting}});
  guard_fails({check}, 0);
  put({check, EraseRow{.key = Rule("a", "1"), .uid = Uid("vpcs/a/rules/1#1")}});
}

TEST_P(EngineConformance, CursorIsSetComparedAndRemoved) {
  put({PutCursor{.name = "c", .value = "1", .expected = ""}});
  guard_fails({PutCursor{.name = "c", .value = "2", .expected = ""}}, 0);
  guard_fails({PutCursor{.name = "c", .value = "2", .expected = "0"}}, 0);
  put({PutCursor{.name = "c", .value = "2", .expected = "1"}});
  EXPECT_EQ(read(snapshot()->cursor("c")), "2");
  put({PutCursor{.name = "c", .value = ""}});
  EXPECT_EQ(read(snapshot()->cursor("c")), std::nullopt);
  guard_fails({PutCursor{.name = "c", .value = "3", .expected = "2"}}, 0);
  put({PutCursor{.name = "c", .value = "3"}});
  EXPECT_EQ(read(snapshot()->cursor("c")), "3");
}

TEST_P(EngineConformance, LimitIsMadeCountedAndRefusedAboveItsMax) {
  HF_COVERS("T6");
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  EXPECT_EQ(Show(read(snapshot()->limit(key))), "none");
  put({TakeLimit{.key = key, .n = 2, .default_max = 3}});
  const Failure failure =
      refused({TakeLimit{.key = key, .n = 2, .default_max = 3}}, 0, Kind::kLimit);
  EXPECT_EQ(Show(failure.limit), "network.test/Rule in network.test/Vpc:vpcs/a: 2 of 3");
  put({TakeLimit{.key = key, .n = 1, .default_max = 3}});
  put({TakeLimit{.key = key, .n = -3, .default_max = 3}});
  EXPECT_EQ(read(snapshot()->limit(key))->used, 0);
}

TEST_P(EngineConformance, LimitIsWhatTheLatestTakeSays) {
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  put({TakeLimit{.key = key, .n = 3, .default_max = 3}});
  put({TakeLimit{.key = key, .n = 1, .default_max = 5}});
  EXPECT_EQ(Show(read(snapshot()->limit(key))),
            "network.test/Rule in network.test/Vpc:vpcs/a: 4 of 5");
  // Lowered below what is used: nothing more can be taken, but what there is stays.
  const Failure failure =
      refused({TakeLimit{.key = key, .n = 1, .default_max = 2}}, 0, Kind::kLimit);
  EXPECT_EQ(Show(failure.limit), "network.test/Rule in network.test/Vpc:vpcs/a: 4 of 2");
  put({TakeLimit{.key = key, .n = -1, .default_max = 2}});
  EXPECT_EQ(Show(read(snapshot()->limit(key))),
            "network.test/Rule in network.test/Vpc:vpcs/a: 3 of 2");
}

TEST_P(EngineConformance, LimitIsRefusedAlsoWhenItIsNew) {
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  const Failure failure =
      refused({TakeLimit{.key = key, .n = 4, .default_max = 3}}, 0, Kind::kLimit);
  EXPECT_EQ(Show(failure.limit), "network.test/Rule in network.test/Vpc:vpcs/a: 0 of 3");
  EXPECT_EQ(Show(read(snapshot()->limit(key))), "none");
}

TEST_P(EngineConformance, LimitCountsWhatTheSameBatchTookBefore) {
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  const TakeLimit take{.key = key, .n = 1, .default_max = 2};
  const Failure failure = refused({take, take, take, take}, 2, Kind::kLimit);
  EXPECT_EQ(failure.limit->used, 2);
}

TEST_P(EngineConformance, LimitBelowZeroIsABug) {
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  put({TakeLimit{.key = key, .n = 1, .default_max = 3}});
  refused({TakeLimit{.key = key, .n = -2, .default_max = 3}}, 0, Kind::kBug);
}

TEST_P(EngineConformance, LimitsAreListedInOrderByPage) {
  const LimitKey a{.holder = Vpc("a"), .counted = kRule};
  const LimitKey b{.holder = Vpc("b"), .counted = kRule};
  const LimitKey c{.holder = Vpc("b"), .counted = kVpc};
  put({TakeLimit{.key = c, .n = 1, .default_max = 9}, TakeLimit{.key = a, .n = 2, .default_max = 9},
       TakeLimit{.key = b, .n = 3, .default_max = 9}});
  const auto snap = snapshot();
  const std::vector<LimitRow> first = read(snap->limits(std::nullopt, 2));
  ASSERT_EQ(first.size(), 2);
  EXPECT_EQ(first[0].key, a);
  EXPECT_EQ(first[1].key, b);
  const std::vector<LimitRow> second = read(snap->limits(b, 2));
  ASSERT_EQ(second.size(), 1);
  EXPECT_EQ(second[0].key, c);
}

TEST_P(EngineConformance, FirstFailingOpIsThatOfTheFirstTypeThenOfTheFirstPosition) {
  HF_COVERS("T2");
  create(Vpc("there"));
  put({PutRequest{.id = "seen"}});
  // In the order of running, from last to first; each fails. Whatever is added fails earlier.
  const std::vector<Op> failing = {
      RequireNoChildren{.key = {.kind = kVpc, .name = ResourceName("vpcs")}, .kinds = {kVpc}},
      RequireTarget{.key = Vpc("none")},
      TakeLimit{.key = {.holder = Vpc("a"), .counted = kRule}, .n = 2, .default_max = 1},
      PutCursor{.name = "c", .value = "2", .expected = "1"},
      CreateRow{.row = NewRow(Vpc("there"))},
      SetState{.key = Vpc("there"), .uid = Uid("another"), .from_states = ~0u},
      UpdateRow{.row = NewRow(Vpc("there")), .expected = Version(7)},
      EraseRow{.key = Vpc("none"), .uid = Uid("u")},
      RequireRow{.key = Vpc("none")},
      PutRequest{.id = "seen"},
  };
  std::vector<Op> ops;
  for (const Op& op : failing) {
    ops.push_back(op);
    ops.push_back(op);
    const Commit done = commit(ops);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.failure->op, ops.size() - 2) << Show(done);
  }
}

TEST_P(EngineConformance, FailureIsExplainedByTheOpThatFailed) {
  HF_COVERS("T3");
  Batch batch{.label = "vpc.create"};
  batch.add(RequireTarget{.key = Vpc("none")}, [](const Failure& failure) {
    return absl::NotFoundError("no target, op " + std::to_string(failure.op));
  });
  batch.add(CreateRow{.row = NewRow(Vpc("a"))},
            [](const Failure& /*failure*/) { return absl::AlreadyExistsError("not this"); });
  EXPECT_EQ(commit(batch).status, absl::NotFoundError("no target, op 0"));
}

TEST_P(EngineConformance, UnexplainedFailureIsInternalWithTheLabel) {
  const Commit done = commit(Batch{.label = "vpc.create", .ops = {RequireTarget{.key = Vpc("x")}}});
  EXPECT_EQ(done.status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(done.status.message()), ::testing::HasSubstr("vpc.create"));
}

TEST_P(EngineConformance, RehearsalAnswersAsACommitWouldAndChangesNothing) {
  const std::string before = dump();
  Batch batch{.label = "test", .mode = Batch::Mode::kRehearse};
  batch.add(PutRequest{.id = "r1"});
  batch.add(CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}});
  batch.add(PutCursor{.name = "c", .value = "1"});
  batch.add(RequireTarget{.key = Vpc("a")});
  EXPECT_TRUE(commit(batch).ok());
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(Show(read(snapshot()->request("r1"))), "none");
  EXPECT_EQ(read(snapshot()->cursor("c")), std::nullopt);
  batch.add(RequireTarget{.key = Vpc("none")});
  const Commit refused_one = commit(batch);
  ASSERT_FALSE(refused_one.ok());
  EXPECT_EQ(refused_one.failure->op, 4);
  batch.ops.pop_back();
  batch.mode = Batch::Mode::kCommit;
  EXPECT_TRUE(commit(batch).ok()) << "the rehearsal left something behind";
}

}  // namespace
}  // namespace holdfast::storage
