// Several ops of one sort, of which one fails: an engine may do them together, and must still say
// which it was.
#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

LimitKey RulesOf(std::string_view vpc) { return {.holder = Vpc(vpc), .counted = kRule}; }

UpdateRow Update(const ResourceKey& key, int64_t expected) {
  UpdateRow op{.row = NewRow(key), .expected = Version(expected)};
  op.row.version = Version(expected + 1);
  return op;
}

SetState Close(const ResourceKey& key, std::optional<std::string> from_round = std::nullopt) {
  return {.key = key,
          .uid = NewRow(key).uid,
          .from_states = StateBit(RowState::kActive),
          .from_round = std::move(from_round),
          .to = RowState::kClosing,
          .round = "round",
          .pending = 0,
          .delete_time = Timestamp(1)};
}

TEST_P(EngineConformance, NamesTheLimitOfSeveralThatIsFull) {
  HF_COVERS("T6");
  put({TakeLimit{.key = RulesOf("b"), .n = 1, .default_max = 1}});
  refused({TakeLimit{.key = RulesOf("a"), .n = 1, .default_max = 10},
           TakeLimit{.key = RulesOf("b"), .n = 1, .default_max = 1}},
          1, Failure::Kind::kLimit);
}

TEST_P(EngineConformance, NamesTheLimitOfSeveralThatIsFullOnTheWay) {
  HF_COVERS("T6");
  put({TakeLimit{.key = RulesOf("a"), .n = 1, .default_max = 1},
       TakeLimit{.key = RulesOf("b"), .n = 1, .default_max = 1}});
  refused({TakeLimit{.key = RulesOf("a"), .n = -1, .default_max = 1},
           TakeLimit{.key = RulesOf("b"), .n = -1, .default_max = 1},
           TakeLimit{.key = RulesOf("b"), .n = 2, .default_max = 1}},
          2, Failure::Kind::kLimit);
}

TEST_P(EngineConformance, CreatesNoEdgeOfARowThatIsThere) {
  fill();
  guard_fails({CreateRow{.row = NewRow(Vpc("a"), 2), .edges = {EdgeTo(Vpc("b"), Vpc("a"))}}}, 0);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralThatIsReferredTo) {
  fill();
  put({CreateRow{.row = NewRow(Vpc("new")), .edges = {EdgeTo(Vpc("b"), Vpc("new"))}}});
  guard_fails({RequireNoInbound{.key = Vpc("a")}, RequireNoInbound{.key = Vpc("b")}}, 1);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralTargetsThatIsNotThere) {
  fill();
  guard_fails({RequireTarget{.key = Vpc("a")}, RequireTarget{.key = Vpc("none")}}, 1);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralRowsThatIsNotAsRequired) {
  fill();
  guard_fails({RequireRow{.key = Vpc("a")}, RequireRow{.key = Vpc("b"), .version = Version(9)}}, 1);
}

TEST_P(EngineConformance, NamesTheRowThatIsNotAsRequiredBesideOneThatChanges) {
  fill();
  guard_fails({RequireRow{.key = Vpc("a"), .version = Version(9)}, Update(Vpc("b"), 1)}, 0);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralRequestsThatWasSeen) {
  HF_COVERS("T9");
  put({PutRequest{.id = "x", .hash = "h", .answer = "a"}});
  refused({PutRequest{.id = "y", .hash = "h", .answer = "a"},
           PutRequest{.id = "x", .hash = "h", .answer = "a"}},
          1, Failure::Kind::kRequestSeen);
}

TEST_P(EngineConformance, NamesTheOneOfItsOwnRowsThatIsNoTarget) {
  const auto closing = [](std::string_view id) {
    CreateRow create{.row = NewRow(Vpc(id))};
    create.row.state = RowState::kClosing;
    create.row.round = "round";
    return create;
  };
  guard_fails({CreateRow{.row = NewRow(Vpc("a"))}, closing("b"), closing("c"),
               RequireTarget{.key = Vpc("a")}, RequireTarget{.key = Vpc("b")},
               RequireTarget{.key = Vpc("c")}},
              4);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralStatesThatIsAnother) {
  fill();
  guard_fails({Close(Vpc("a")), Close(Vpc("b"), "another round")}, 1);
}

TEST_P(EngineConformance, NamesTheOneOfSeveralUpdatesThatIsLate) {
  fill();
  guard_fails({Update(Vpc("a"), 1), Update(Vpc("b"), 9)}, 1);
}

}  // namespace
}  // namespace holdfast::storage
