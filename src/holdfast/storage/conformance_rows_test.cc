// Changes of rows, edges and unique values: what they write, and when they refuse.
#include <atomic>

#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

using Kind = Failure::Kind;

TEST_P(EngineConformance, CreatedRowIsReadBackWhole) {
  Row row = NewRow(Vpc("a"));
  row.state = RowState::kActive;
  row.pending = kPendingConfirm | kPendingUnset;
  row.round = "round";
  row.delete_time = Timestamp(1234567890123456);
  row.outgoing = std::string("out\0going\xff", 10);
  row.body = std::string("bo\0dy\xff", 6);
  row.version = Version(41);
  put({CreateRow{.row = row}});
  row.revision = get(Vpc("a"))->revision;
  row.stamp = 1;
  EXPECT_EQ(Show(get(Vpc("a"))), Show(row));
}

TEST_P(EngineConformance, EmptyBodyIsNotNoBody) {
  Row row = NewRow(Vpc("a"));
  row.body = "";
  put({CreateRow{.row = row}});
  ASSERT_TRUE(get(Vpc("a"))->body.has_value());
  row.key = Vpc("b");
  row.body.reset();
  put({CreateRow{.row = row}});
  EXPECT_FALSE(get(Vpc("b"))->body.has_value());
}

TEST_P(EngineConformance, CreateIsRefusedOverARowOfAnyStateButGone) {
  create(Vpc("a"));
  Failure failure = guard_fails({CreateRow{.row = NewRow(Vpc("a"), 2)}}, 0);
  EXPECT_EQ(failure.row->uid, Uid("vpcs/a#1"));
  EXPECT_EQ(failure.row->body, std::nullopt);
  EXPECT_EQ(failure.row->fields, "");
  put({SetState{.key = Vpc("a"),
                .uid = Uid("vpcs/a#1"),
                .from_states = StateBit(RowState::kActive),
                .to = RowState::kDeleting,
                .round = "r"}});
  failure = guard_fails({CreateRow{.row = NewRow(Vpc("a"), 2)}}, 0);
  EXPECT_EQ(Show(failure.row->state), "DELETING");
  EXPECT_EQ(failure.row->round, "r");
}

TEST_P(EngineConformance, SecondLifeOfANameHasTheNextStamp) {
  create(Vpc("a"));
  EXPECT_EQ(get(Vpc("a"))->stamp, 1);
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(5)}});
  Row second = NewRow(Vpc("a"), 2);
  second.stamp = 77;  // the engine's business
  put({CreateRow{.row = second}});
  const std::optional<Row> row = get(Vpc("a"));
  EXPECT_EQ(row->stamp, 2);
  EXPECT_EQ(row->uid, Uid("vpcs/a#2"));
  EXPECT_EQ(row->delete_time, Timestamp(0));
}

TEST_P(EngineConformance, NameIsErasedAndCreatedAgainInOneBatch) {
  create(Vpc("a"));
  put({CreateRow{.row = NewRow(Vpc("a"), 2)},
       EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(5)}});
  EXPECT_EQ(get(Vpc("a"))->uid, Uid("vpcs/a#2"));
  EXPECT_EQ(get(Vpc("a"))->stamp, 2);
}

TEST_P(EngineConformance, UpdateReplacesEverythingButStampAndUid) {
  create(Vpc("a"));
  Row row = NewRow(Vpc("a"));
  row.version = Version(2);
  row.state = RowState::kClosing;
  row.pending = kPendingExpand;
  row.round = "r";
  row.delete_time = Timestamp(9);
  row.body = "other";
  row.fields = "";
  row.outgoing = "out";
  put({UpdateRow{.row = row, .expected = Version(1)}});
  row.revision = get(Vpc("a"))->revision;
  row.stamp = 1;
  EXPECT_EQ(Show(get(Vpc("a"))), Show(row));
}

TEST_P(EngineConformance, UpdateIsRefusedForAnotherUidOrVersionOrNoRow) {
  Row row = NewRow(Vpc("a"));
  EXPECT_EQ(guard_fails({UpdateRow{.row = row, .expected = Version(1)}}, 0).row, std::nullopt);
  create(Vpc("a"));
  EXPECT_EQ(guard_fails({UpdateRow{.row = row, .expected = Version(2)}}, 0).row->version,
            Version(1));
  row.uid = Uid("another");
  EXPECT_EQ(guard_fails({UpdateRow{.row = row, .expected = Version(1)}}, 0).row->uid,
            Uid("vpcs/a#1"));
}

TEST_P(EngineConformance, TombstoneIsNeitherUpdatedNorErased) {
  create(Vpc("a"));
  const EraseRow erase{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .delete_time = Timestamp(5)};
  put({erase});
  const Failure failure =
      guard_fails({UpdateRow{.row = NewRow(Vpc("a")), .expected = Version(1)}}, 0);
  EXPECT_EQ(Show(failure.row->state), "GONE");
  EXPECT_EQ(Show(guard_fails({erase}, 0).row->state), "GONE");
}

TEST_P(EngineConformance, EraseLeavesATombstoneWithIdentityAndTimeOnly) {
  HF_COVERS("R8");
  Row row = NewRow(Vpc("a"));
  row.pending = kPendingConfirm;
  row.round = "r";
  row.outgoing = "out";
  put({CreateRow{.row = row}});
  Row tombstone{.key = row.key, .uid = row.uid, .stamp = 1, .version = row.version};
  tombstone.state = RowState::kGone;
  tombstone.delete_time = Timestamp(5);
  put({EraseRow{
      .key = Vpc("a"), .uid = row.uid, .expected = Version(1), .delete_time = Timestamp(5)}});
  tombstone.revision = get(Vpc("a"))->revision;
  EXPECT_EQ(Show(get(Vpc("a"))), Show(tombstone));
}

TEST_P(EngineConformance, EraseIsRefusedForAnotherUidOrVersionOrNoRow) {
  EXPECT_EQ(guard_fails({EraseRow{.key = Vpc("a"), .uid = Uid("u")}}, 0).row, std::nullopt);
  create(Vpc("a"));
  EXPECT_TRUE(guard_fails({EraseRow{.key = Vpc("a"), .uid = Uid("u")}}, 0).row.has_value());
  const EraseRow other_version{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .expected = Version(2)};
  EXPECT_EQ(guard_fails({other_version}, 0).row->version, Version(1));
}

TEST_P(EngineConformance, SetStateChangesTheShadowAndKeepsTheResource) {
  create(Vpc("a"));
  Row row = *get(Vpc("a"));
  const SetState close{.key = Vpc("a"),
                       .uid = row.uid,
                       .from_states = StateBit(RowState::kActive),
                       .from_round = "",
                       .to = RowState::kClosing,
                       .round = "r",
                       .pending = kPendingExpand,
                       .delete_time = Timestamp(3)};
  const Revision before = row.revision;
  put({close});
  row.revision = get(Vpc("a"))->revision;
  EXPECT_GT(row.revision, before);
  row.state = RowState::kClosing;
  row.round = "r";
  row.pending = kPendingExpand;
  row.delete_time = Timestamp(3);
  EXPECT_EQ(Show(get(Vpc("a"))), Show(row));
}

TEST_P(EngineConformance, SetStateIsRefusedForAnotherUidStateRoundOrNoRow) {
  const SetState close{.key = Vpc("a"),
                       .uid = Uid("vpcs/a#1"),
                       .from_states = StateBit(RowState::kActive),
                       .from_round = "",
                       .to = RowState::kClosing,
                       .round = "r"};
  EXPECT_EQ(guard_fails({close}, 0).row, std::nullopt);
  create(Vpc("a"));
  SetState other = close;
  other.uid = Uid("another");
  EXPECT_TRUE(guard_fails({other}, 0).row.has_value());
  other = close;
  other.from_round = "another";
  EXPECT_EQ(guard_fails({other}, 0).row->round, "");
  put({close});
  other = close;
  other.from_round.reset();
  const Failure failure = guard_fails({other}, 0);
  EXPECT_EQ(Show(failure.row->state), "CLOSING");
  EXPECT_EQ(failure.row->round, "r");
}

TEST_P(EngineConformance, EdgesAreFoundByTheirTargetInOrderByPage) {
  std::vector<Edge> edges;
  for (const char* field : {"x", "y"}) {
    edges.push_back(EdgeTo(Vpc("t"), Rule("a", "1"), OnDelete::kUnset, field));
  }
  for (const char* source : {"a", "b", "c"}) edges.push_back(EdgeTo(Vpc("t"), Vpc(source)));
  put({CreateRow{.row = NewRow(Vpc("c")), .edges = {edges[4]}},
       CreateRow{.row = NewRow(Vpc("a")), .edges = {edges[2], EdgeTo(Vpc("u"), Vpc("a"))}},
       CreateRow{.row = NewRow(Vpc("b")), .edges = {edges[3]}},
       CreateRow{.row = NewRow(Rule("a", "1")), .edges = {edges[1], edges[0]}}});
  const auto snap = snapshot();
  EXPECT_EQ(Show(read(snap->inbound({.target = Vpc("t")})).edges), Show(edges));
  std::vector<Edge> paged;
  InboundQuery query{.target = Vpc("t"), .limit = 2};
  do {
    const InboundPage page = read(snap->inbound(query));
    EXPECT_LE(page.edges.size(), 2);
    paged.insert(paged.end(), page.edges.begin(), page.edges.end());
    query.after = page.next;
  } while (query.after.has_value());
  EXPECT_EQ(Show(paged), Show(edges));
}

TEST_P(EngineConformance, EdgesAreCountedAndFilteredByBehavior) {
  HF_COVERS("B8");
  put({CreateRow{.row = NewRow(Vpc("a")),
                 .edges = {EdgeTo(Vpc("t"), Vpc("a"), OnDelete::kBlock, "x"),
                           EdgeTo(Vpc("t"), Vpc("a"), OnDelete::kUnset, "y"),
                           EdgeTo(Vpc("t"), Vpc("a"), OnDelete::kAllowDangling, "z")}}});
  const auto snap = snapshot();
  const uint32_t block = 1u << static_cast<int>(OnDelete::kBlock);
  const uint32_t unset = 1u << static_cast<int>(OnDelete::kUnset);
  EXPECT_EQ(read(snap->count_inbound(Vpc("t"), ~0u)), 3);
  EXPECT_EQ(read(snap->count_inbound(Vpc("t"), block | unset)), 2);
  EXPECT_EQ(read(snap->count_inbound(Vpc("none"), ~0u)), 0);
  const InboundPage page = read(snap->inbound({.target = Vpc("t"), .behaviors = unset}));
  ASSERT_EQ(page.edges.size(), 1);
  EXPECT_EQ(page.edges[0].field, "y");
}

TEST_P(EngineConformance, UpdateRemovesEdgesBeforeItAddsThem) {
  const Edge edge = EdgeTo(Vpc("t"), Vpc("a"));
  put({CreateRow{.row = NewRow(Vpc("a")), .edges = {edge}}});
  Row row = NewRow(Vpc("a"));
  row.version = Version(2);
  Edge weaker = edge;
  weaker.behavior = OnDelete::kUnset;
  put({UpdateRow{.row = row,
                 .expected = Version(1),
                 .removed_edges = {edge, EdgeTo(Vpc("never"), Vpc("a"))},
                 .added_edges = {weaker}}});
  const auto snap = snapshot();
  EXPECT_EQ(Show(read(snap->inbound({.target = Vpc("t")})).edges), Show(std::vector{weaker}));
}

TEST_P(EngineConformance, EraseRemovesTheEdgesNamed) {
  const Edge edge = EdgeTo(Vpc("t"), Vpc("a"));
  put({CreateRow{.row = NewRow(Vpc("a")), .edges = {edge}}});
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .removed_edges = {edge}}});
  const auto snap = snapshot();
  EXPECT_EQ(read(snap->count_inbound(Vpc("t"), ~0u)), 0);
}

TEST_P(EngineConformance, TakenUniqueValueIsRefusedByName) {
  put({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}});
  const Failure failure =
      refused({CreateRow{.row = NewRow(Vpc("b")), .unique = {UniqueName("m"), UniqueName("n")}}}, 0,
              Kind::kUnique);
  EXPECT_EQ(Show(failure.unique), Show(UniqueName("n")));
  put({CreateRow{.row = NewRow(Vpc("b")), .unique = {UniqueName("n", "another scope")}}});
}

TEST_P(EngineConformance, UniqueValueIsTakenWithinOneBatchToo) {
  const Failure failure = refused({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}},
                                   CreateRow{.row = NewRow(Vpc("b")), .unique = {UniqueName("n")}}},
                                  1, Kind::kUnique);
  EXPECT_EQ(Show(failure.unique), Show(UniqueName("n")));
}

TEST_P(EngineConformance, ExistingRowIsReportedBeforeItsUniqueValue) {
  put({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}});
  guard_fails({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}}, 0);
}

TEST_P(EngineConformance, FirstOpFailsByItsUniqueValueThoughALaterOneHasNoPlaceForItsRow) {
  put({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}});
  refused({CreateRow{.row = NewRow(Vpc("b")), .unique = {UniqueName("n")}},
           CreateRow{.row = NewRow(Vpc("a"))}},
          0, Kind::kUnique);
}

TEST_P(EngineConformance, UniqueValueIsFreeAgainAfterUpdateOrErase) {
  put({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}});
  Row row = NewRow(Vpc("a"));
  row.version = Version(2);
  put({UpdateRow{.row = row,
                 .expected = Version(1),
                 .removed_unique = {UniqueName("n")},
                 .added_unique = {UniqueName("m")}},
       CreateRow{.row = NewRow(Vpc("b")), .unique = {UniqueName("n")}}});
  const Failure failure =
      refused({CreateRow{.row = NewRow(Vpc("c")), .unique = {UniqueName("m")}}}, 0, Kind::kUnique);
  EXPECT_EQ(Show(failure.unique), Show(UniqueName("m")));
  put({EraseRow{.key = Vpc("a"), .uid = Uid("vpcs/a#1"), .removed_unique = {UniqueName("m")}},
       CreateRow{.row = NewRow(Vpc("c")), .unique = {UniqueName("m")}}});
}

TEST_P(EngineConformance, UpdateMayNameTheUniqueValueThatItGivesUp) {
  put({CreateRow{.row = NewRow(Vpc("a")), .unique = {UniqueName("n")}}});
  Row row = NewRow(Vpc("a"));
  row.version = Version(2);
  put({UpdateRow{.row = row,
                 .expected = Version(1),
                 .removed_unique = {UniqueName("n")},
                 .added_unique = {UniqueName("n")}}});
}

TEST_P(EngineConformance, EachOpSeesWhatEarlierOnesOfTheBatchDid) {
  create(Vpc("a"));
  Row second = NewRow(Vpc("a"));
  second.version = Version(2);
  Row third = second;
  third.version = Version(3);
  third.body = "third";
  put({UpdateRow{.row = second, .expected = Version(1)},
       UpdateRow{.row = third, .expected = Version(2)},
       SetState{.key = Vpc("a"),
                .uid = third.uid,
                .from_states = StateBit(RowState::kActive),
                .to = RowState::kClosing,
                .round = "r"}});
  const std::optional<Row> row = get(Vpc("a"));
  EXPECT_EQ(row->version, Version(3));
  EXPECT_EQ(row->body, "third");
  EXPECT_EQ(Show(row->state), "CLOSING");
}

TEST_P(EngineConformance, EveryBatchHasItsOwnGrowingRevision) {
  Revision last_row;
  Revision last = snapshot()->revision();
  for (const char* id : {"a", "b", "c"}) {
    const Revision now = create(Vpc(id)).revision;
    EXPECT_GT(now, last);
    EXPECT_GT(get(Vpc(id))->revision, last_row);
    last = now;
    last_row = get(Vpc(id))->revision;
  }
}

TEST_P(EngineConformance, OneWritersCommitsAreThePlacesOfTheFeed) {
  if (engine_->writers() != Engine::Writers::kThisProcess) return;
  const Commit done = commit({CreateRow{.row = NewRow(Vpc("a"))}});
  EXPECT_EQ(snapshot()->revision(), done.revision);
  EXPECT_EQ(get(Vpc("a"))->revision, done.revision);
}

TEST_P(EngineConformance, ListenerHearsOfCommitsOnly) {
  std::vector<Revision> heard;
  engine_->on_commit([&heard](Revision revision) { heard.push_back(revision); });
  const Commit first = commit({CreateRow{.row = NewRow(Vpc("a"))}});
  guard_fails({CreateRow{.row = NewRow(Vpc("a"))}}, 0);
  Batch rehearsal{.label = "test", .mode = Batch::Mode::kRehearse};
  rehearsal.add(CreateRow{.row = NewRow(Vpc("b"))});
  EXPECT_TRUE(commit(rehearsal).ok());
  const Commit second = commit({CreateRow{.row = NewRow(Vpc("b"))}});
  EXPECT_THAT(heard, ::testing::ElementsAre(first.revision, second.revision));
}

TEST_P(EngineConformance, BatchesAtOnceEachHappenWhollyInSomeOrder) {
  HF_COVERS("T1", "T9");
  // Each moves the counter by one from what it expects; all but one of each round must lose.
  create(Vpc("a"));
  std::atomic<int> won = 0;
  std::vector<Task<void>> racers;
  for (int n = 0; n < 10; ++n) {
    racers.push_back([](Engine& engine, int id, std::atomic<int>& wins) -> Task<void> {
      Row row = NewRow(Vpc("a"));
      row.version = Version(2);
      Batch batch{.label = "race"};
      batch.add(UpdateRow{.row = row, .expected = Version(1)});
      batch.add(CreateRow{.row = NewRow(Vpc("of" + std::to_string(id)))});
      const Commit done = co_await engine.commit(std::move(batch));
      if (done.ok()) ++wins;
    }(*engine_, n, won));
  }
  env_.run_all(std::move(racers));
  EXPECT_EQ(won, 1);
  const auto snap = snapshot();
  EXPECT_EQ(read(snap->scan({})).rows.size(), 2);
}

TEST_P(EngineConformance, UniqueValuesMayBeAnyText) {
  // Where a text can't hold a zero byte, or an index not a long value, they are told apart anyway.
  const std::string zero("a\0b", 3);
  const std::string longer(10'000, 'x');
  for (const std::string& value : {zero, std::string("a\1b"), std::string("a\1\1b"), longer,
                                   longer + "y", std::string("ab"), std::string()}) {
    const ResourceKey key = Vpc(std::to_string(std::hash<std::string>()(value)));
    put({CreateRow{.row = NewRow(key), .unique = {UniqueName(value)}}});
    const Failure failure = refused(
        {CreateRow{.row = NewRow(Vpc("other")), .unique = {UniqueName(value)}}}, 0, Kind::kUnique);
    EXPECT_EQ(Show(failure.unique), Show(UniqueName(value)));
  }
}

}  // namespace
}  // namespace holdfast::storage
