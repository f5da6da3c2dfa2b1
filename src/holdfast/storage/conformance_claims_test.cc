// Claims: compared, swapped, required, and found.
#include "holdfast/storage/conformance.h"

namespace holdfast::storage {
namespace {

constexpr int64_t kSuspended = 1;

ClaimKey SourceOf(const ResourceKey& target, std::string deployment) {
  return {.type = ClaimType::kSource, .target = target, .holder = std::move(deployment)};
}

Claim NewClaim(ClaimKey key) {
  return {.key = std::move(key),
          .terms = {.uid = Uid("life"), .state = 3, .number = 4, .round = 5, .version = 1},
          .due = Timestamp(6),
          .note = std::string("no\0te\xff", 6)};
}

Claim Right(const ResourceKey& target, int64_t state = kRightHeld) {
  return {.key = {.type = ClaimType::kRight, .target = target},
          .terms = {.uid = Uid("life"), .state = state, .version = 1}};
}

TEST_P(EngineConformance, ClaimIsReadBackWholeAndGoes) {
  const Claim kept = NewClaim(SourceOf(Vpc("a"), "there/europe"));
  put({PutClaim{.claim = kept}});
  EXPECT_EQ(Show(claim(kept.key)), Show(std::optional(kept)));
  Claim changed = kept;
  changed.terms = {.uid = Uid("next"), .state = kHighestClaimState, .number = 1, .round = 2};
  changed.due = kNeverDue;
  changed.note.clear();
  put({PutClaim{.claim = changed, .expected = kept.terms}});
  changed.terms.version = 2;
  EXPECT_EQ(Show(claim(kept.key)), Show(std::optional(changed)));
  put({DropClaim{.key = kept.key, .expected = changed.terms}});
  EXPECT_EQ(claim(kept.key), std::nullopt);
}

TEST_P(EngineConformance, ClaimsAreReadInTheOrderAskedFor) {
  put({PutClaim{.claim = NewClaim(SourceOf(Vpc("a"), "x"))}});
  const auto snap = snapshot();
  const auto found = read(snap->get_claims(
      {SourceOf(Vpc("b"), "x"), SourceOf(Vpc("a"), "x"), SourceOf(Vpc("a"), "y")}));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], std::nullopt);
  EXPECT_EQ(found[1]->key.holder, "x");
  EXPECT_EQ(found[2], std::nullopt);
}

TEST_P(EngineConformance, SwapComparesEachOfTheTerms) {
  const Claim kept = NewClaim(SourceOf(Vpc("a"), "x"));
  put({PutClaim{.claim = kept}});
  std::vector<std::optional<ClaimTerms>> others(6, kept.terms);
  others[0]->uid = Uid("other");
  others[1]->state = 0;
  others[2]->number = 0;
  others[3]->round = 0;
  others[4]->version = 2;
  others[5].reset();
  for (const std::optional<ClaimTerms>& other : others) {
    const Failure failure = guard_fails({PutClaim{.claim = kept, .expected = other}}, 0);
    EXPECT_EQ(Show(failure.claim), Show(std::optional(kept)));
    if (!other.has_value()) continue;
    EXPECT_EQ(Show(guard_fails({DropClaim{.key = kept.key, .expected = *other}}, 0).claim),
              Show(std::optional(kept)));
  }
}

TEST_P(EngineConformance, SwapOfWhatIsNotThereIsRefused) {
  const Claim none = NewClaim(SourceOf(Vpc("a"), "x"));
  EXPECT_EQ(guard_fails({PutClaim{.claim = none, .expected = none.terms}}, 0).claim, std::nullopt);
  EXPECT_EQ(guard_fails({DropClaim{.key = none.key, .expected = none.terms}}, 0).claim,
            std::nullopt);
}

TEST_P(EngineConformance, SwapTellsAClaimThatWentAndCameFromTheOneThatWasSeen) {
  const Claim seen = NewClaim(SourceOf(Vpc("a"), "x"));
  Claim other = seen;
  other.terms.state = 0;
  put({PutClaim{.claim = seen}});
  put({PutClaim{.claim = other, .expected = seen.terms}});
  other.terms.version = 2;
  put({PutClaim{.claim = seen, .expected = other.terms}});
  guard_fails({PutClaim{.claim = other, .expected = seen.terms}}, 0);
}

TEST_P(EngineConformance, RequiredClaimIsThereForThisLifeInOneOfTheStates) {
  const Claim right = Right(Vpc("a"), kSuspended);
  const ClaimKey& key = right.key;
  EXPECT_EQ(guard_fails({RequireClaim{.key = key, .uid = Uid("life")}}, 0).claim, std::nullopt);
  put({PutClaim{.claim = right}});
  put({RequireClaim{.key = key, .uid = Uid("life"), .states = 1u << kSuspended}});
  put({RequireClaim{.key = key, .uid = Uid("life"), .states = 3}});
  EXPECT_EQ(Show(guard_fails({RequireClaim{.key = key, .uid = Uid("life")}}, 0).claim),
            Show(std::optional(right)));
  EXPECT_EQ(
      Show(guard_fails({RequireClaim{.key = key, .uid = Uid("other"), .states = 3}}, 0).claim),
      Show(std::optional(right)));
}

TEST_P(EngineConformance, ManyClaimsAreRequiredAndTheFirstThatIsMissingIsNamed) {
  std::vector<Op> puts;
  std::vector<Op> required;
  for (const char* id : {"a", "b", "c"}) {
    const Claim right = Right(Vpc(id));
    puts.emplace_back(PutClaim{.claim = right});
    required.emplace_back(RequireClaim{.key = right.key, .uid = Uid("life")});
  }
  put(puts);
  put(required);
  const ClaimKey gone = Right(Vpc("b")).key;
  put({DropClaim{.key = gone, .expected = Right(Vpc("b")).terms}});
  guard_fails(required, 1);
}

TEST_P(EngineConformance, RowIsHeldByBlockadesAndByEarlierSources) {
  Claim early = NewClaim(SourceOf(Vpc("a"), "y"));
  early.terms.round = 1;
  Claim late = NewClaim(SourceOf(Vpc("a"), "x"));
  late.terms.round = 2;
  put({PutClaim{.claim = early}, PutClaim{.claim = late}, PutClaim{.claim = Right(Vpc("b"))}});
  const auto unheld = [](const ResourceKey& key, int64_t before) {
    return RequireUnheld{.key = key, .before_round = before};
  };
  put({unheld(Vpc("a"), 1), unheld(Vpc("b"), 100)});
  EXPECT_EQ(Show(guard_fails({unheld(Vpc("b"), 9), unheld(Vpc("a"), 2)}, 1).claim),
            Show(std::optional(early)));
  EXPECT_EQ(Show(guard_fails({RequireUnheld{.key = Vpc("a")}}, 0).claim),
            Show(std::optional(late)));
  Claim blockade = NewClaim({.type = ClaimType::kBlockade, .target = Vpc("a"), .holder = "z"});
  blockade.terms.round = 0;
  put({PutClaim{.claim = blockade}});
  EXPECT_EQ(Show(guard_fails({unheld(Vpc("a"), 1)}, 0).claim), Show(std::optional(blockade)));
}

TEST_P(EngineConformance, BatchRequiresFirstThenDropsThenPutsThenChecks) {
  const Claim held = Right(Vpc("a"));
  const Claim suspended = Right(Vpc("a"), kSuspended);
  put({PutClaim{.claim = held}});
  put({PutClaim{.claim = suspended}, DropClaim{.key = held.key, .expected = held.terms},
       RequireClaim{.key = held.key, .uid = Uid("life")}});
  EXPECT_EQ(Show(claim(held.key)), Show(std::optional(suspended)));
  // What is put is seen by the check.
  guard_fails(
      {RequireUnheld{.key = Vpc("b")}, PutClaim{.claim = NewClaim(SourceOf(Vpc("b"), "x"))}}, 0);
}

TEST_P(EngineConformance, EachSwapSeesWhatEarlierOnesOfTheBatchDid) {
  Claim first = NewClaim(SourceOf(Vpc("a"), "x"));
  Claim second = first;
  second.terms.number = 9;
  put({PutClaim{.claim = first}, PutClaim{.claim = second, .expected = first.terms}});
  second.terms.version = 2;
  EXPECT_EQ(Show(claim(first.key)), Show(std::optional(second)));
  guard_fails({PutClaim{.claim = first, .expected = second.terms},
               PutClaim{.claim = second, .expected = second.terms}},
              1);
}

TEST_P(EngineConformance, RehearsedClaimsLeaveNothing) {
  const Claim right = Right(Vpc("a"));
  const Commit done = commit(
      Batch{.label = "test", .ops = {PutClaim{.claim = right}}, .mode = Batch::Mode::kRehearse});
  EXPECT_TRUE(done.ok()) << Show(done);
  EXPECT_EQ(claim(right.key), std::nullopt);
}

TEST_P(EngineConformance, ClaimsAreListedInOrderByPage) {
  for (const char* id : {"a", "a0", "b"}) {
    for (const char* holder : {"y", "x", "z"}) {
      put({PutClaim{.claim = NewClaim(SourceOf(Vpc(id), std::string(id) + holder))}});
    }
  }
  const ClaimKey blockade{.type = ClaimType::kBlockade, .target = Vpc("a"), .holder = "token"};
  put({PutClaim{.claim = NewClaim(blockade)}});
  for (const size_t limit : {1, 2, 3, 100}) {
    EXPECT_EQ(holders({.limit = limit}),
              (std::vector<std::string>{"ax", "ay", "az", "a0x", "a0y", "a0z", "bx", "by", "bz"}));
    EXPECT_EQ(holders({.target = Vpc("a0"), .limit = limit}),
              (std::vector<std::string>{"a0x", "a0y", "a0z"}));
  }
  EXPECT_EQ(holders({.target = Vpc("a0"), .after = SourceOf(Vpc("a"), "z")}),
            (std::vector<std::string>{"a0x", "a0y", "a0z"}));
  EXPECT_TRUE(holders({.target = Vpc("a"), .after = SourceOf(Vpc("b"), "z")}).empty());
  put({PutClaim{.claim = Right(Vpc("b"))}});
  EXPECT_EQ(holders({.type = ClaimType::kRight, .target = Vpc("b"), .after = Right(Vpc("a")).key}),
            std::vector<std::string>{""});
}

TEST_P(EngineConformance, DueClaimsComeTheFirstOnesFirst) {
  int64_t due = 30;
  for (const char* id : {"a", "b", "c"}) {
    Claim claim = NewClaim(SourceOf(Vpc(id), id));
    claim.due = Timestamp(due);
    due -= 10;
    put({PutClaim{.claim = claim}});
  }
  Claim never = NewClaim(SourceOf(Vpc("d"), "d"));
  never.due = kNeverDue;
  put({PutClaim{.claim = never}});
  const auto due_by = [this](int64_t by, size_t limit) {
    const auto snap = snapshot();
    std::string found;
    for (const Claim& claim : read(snap->due_claims(ClaimType::kSource, Timestamp(by), limit))) {
      found += claim.key.holder;
    }
    return found;
  };
  EXPECT_EQ(due_by(9, 10), "");
  EXPECT_EQ(due_by(20, 10), "cb");
  EXPECT_EQ(due_by(1000, 2), "cb");
  EXPECT_EQ(due_by(1000, 10), "cba");
  const auto snap = snapshot();
  EXPECT_TRUE(read(snap->due_claims(ClaimType::kRight, Timestamp(1000), 10)).empty());
  // Its time moves on.
  Claim later = *claim(SourceOf(Vpc("c"), "c"));
  later.due = Timestamp(500);
  put({PutClaim{.claim = later, .expected = later.terms}});
  EXPECT_EQ(due_by(1000, 10), "bac");
}

TEST_P(EngineConformance, SnapshotKeepsItsClaims) {
  const Claim kept = NewClaim(SourceOf(Vpc("a"), "x"));
  put({PutClaim{.claim = kept}});
  const auto before = snapshot();
  put({DropClaim{.key = kept.key, .expected = kept.terms}});
  EXPECT_EQ(read(before->claims({})).size(), 1u);
  EXPECT_EQ(read(before->due_claims(ClaimType::kSource, Timestamp(100), 10)).size(), 1u);
  EXPECT_TRUE(holders({}).empty());
}

}  // namespace
}  // namespace holdfast::storage
