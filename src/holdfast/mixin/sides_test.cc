// What each side does with one message, the first time and again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/mixin/source.h"
#include "holdfast/mixin/target.h"
#include "holdfast/storage/guarded.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::mixin {
namespace {

using storage::Batch;
using storage::Claim;
using storage::ClaimType;
using storage::Op;
using storage::RowState;

const KindName kKind("a.test/Target");
const DeploymentId kHere("a.test/x");
const DeploymentId kThere("b.test/y");

// Nobody can be reached.
class Nobody final : public Peers {
 public:
  Task<absl::StatusOr<Established>> establish(DeploymentId, Establish) override { return lost(); }
  Task<absl::Status> confirm(DeploymentId, Confirm) override { return lost(); }
  Task<absl::Status> release(DeploymentId, Release) override { return lost(); }
  Task<absl::Status> drop(DeploymentId, Drop) override { return lost(); }
  Task<absl::StatusOr<Resolved>> resolve(DeploymentId, Resolve) override { return lost(); }
  Task<absl::StatusOr<Answer>> ask(DeploymentId, Question) override { return lost(); }
  Task<absl::Status> restore(DeploymentId, Restore) override { return lost(); }
  Task<absl::StatusOr<Standing>> standing(DeploymentId, Life) override { return lost(); }
  Task<absl::StatusOr<RoundState>> round_state(DeploymentId, Question) override { return lost(); }

 private:
  // Of whichever type is wanted.
  struct Lost {
    template <class Answer>
    operator Task<Answer>() const {  // NOLINT(google-explicit-constructor)
      return [](absl::Status status) -> Task<Answer> {
        co_return status;
      }(absl::UnavailableError("lost"));
    }
  };
  static Lost lost() { return {}; }
};

class Sides : public ::testing::Test {
 protected:
  static ResourceKey key(const std::string& id) { return {kKind, ResourceName(id)}; }
  static Life life(const std::string& id) { return {key(id), Uid(id + "#1")}; }

  bool commit(Batch batch) { return *env_.run(storage::CommitGuarded(*engine_, std::move(batch))); }
  bool commit(Op op) {
    Batch batch{.label = "test"};
    batch.add(std::move(op), storage::Handled());
    return commit(std::move(batch));
  }
  void create(const std::string& id) {
    storage::CreateRow op;
    op.row.key = key(id);
    op.row.uid = life(id).uid;
    op.row.version = Version(1);
    ASSERT_TRUE(commit(std::move(op)));
  }
  void set_state(const std::string& id, RowState to, std::string round) {
    ASSERT_TRUE(commit(storage::SetState{.key = key(id),
                                         .uid = life(id).uid,
                                         .from_states = ~0u,
                                         .to = to,
                                         .round = std::move(round)}));
  }
  std::unique_ptr<storage::Snapshot> snapshot() { return *env_.run(engine_->snapshot()); }
  std::vector<Claim> claims(ClaimType type) {
    const auto snap = snapshot();
    return *env_.run(snap->claims({.type = type}));
  }

  // As target.
  Established establish(std::vector<ResourceKey> targets, const std::string& token = "token") {
    return *env_.run(
        target_.establish({.source = kThere, .token = token, .targets = std::move(targets)}));
  }
  void confirm(const Life& target, int64_t incarnation, const std::string& token = "token") {
    EXPECT_TRUE(
        env_
            .run(target_.confirm(
                {.source = kThere, .token = token, .target = target, .incarnation = incarnation}))
            .ok());
  }
  void drop(const Life& target, int64_t incarnation) {
    EXPECT_TRUE(
        env_.run(target_.drop({.source = kThere, .target = target, .incarnation = incarnation}))
            .ok());
  }
  // Incarnation of kThere's right on t; 0: it is no source.
  int64_t known() {
    const auto sources = claims(ClaimType::kSource);
    return sources.empty() ? 0 : sources[0].terms.number;
  }
  bool decide(int64_t round) {
    return commit(storage::RequireUnheld{.key = key("t"), .before_round = round});
  }

  // As source: a right on t in kThere.
  void hold(int64_t state = kHeld, int64_t round = kOwnRound) {
    Claim right{.key = RightOn(key("t")),
                .terms = {.uid = life("t").uid, .state = state, .number = 3, .round = round},
                .note = kThere.str()};
    ASSERT_TRUE(commit(storage::PutClaim{.claim = std::move(right)}));
  }
  void refer(OnDelete behavior) {
    storage::CreateRow op;
    op.row.key = key("holder");
    op.row.uid = Uid("holder");
    op.row.version = Version(1);
    op.edges.push_back(
        {.target = key("t"), .source = op.row.key, .field = "to", .behavior = behavior});
    ASSERT_TRUE(commit(std::move(op)));
  }
  Answer ask(int64_t round) {
    return *env_.run(source_.answer({.target = life("t"), .round = round}));
  }
  storage::ClaimTerms right() { return claims(ClaimType::kRight).at(0).terms; }
  void restore(int64_t round) {
    EXPECT_TRUE(env_.run(source_.restore({.target = life("t"), .round = round})).ok());
  }

  ManualEnv env_;
  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine(env_);
  Nobody nobody_;
  Target target_{env_, *engine_, nobody_};
  Source source_{env_, *engine_, nobody_, kHere};
};

TEST_F(Sides, HoldsAllThatAreAskedForOrNone) {
  create("t");
  create("closing");
  create("deleting");
  set_state("closing", RowState::kClosing, "round");
  set_state("deleting", RowState::kDeleting, "round");
  using Why = Refusal::Why;
  for (const auto& [id, why] :
       {std::pair("closing", Why::kClosing), std::pair("deleting", Why::kDeleting),
        std::pair("nothing", Why::kNotFound)}) {
    const Established answer = establish({key("t"), key(id)});
    ASSERT_TRUE(answer.refusal.has_value()) << id;
    EXPECT_EQ(answer.refusal->target, 1u) << id;
    EXPECT_EQ(answer.refusal->why, why) << id;
    EXPECT_TRUE(claims(ClaimType::kBlockade).empty()) << id;
  }
  const Established held = establish({key("t")});
  EXPECT_FALSE(held.refusal.has_value());
  EXPECT_THAT(held.uids, ::testing::ElementsAre(life("t").uid));
  EXPECT_EQ(establish({key("t")}).uids, held.uids) << "a repetition";
  EXPECT_EQ(claims(ClaimType::kBlockade).size(), 1u);
}

TEST_F(Sides, TurnsABlockadeIntoASourceAndNeverLowersIt) {
  create("t");
  establish({key("t")}, "first");
  establish({key("t")}, "second");
  confirm(life("t"), 2, "second");
  EXPECT_EQ(known(), 2);
  confirm(life("t"), 1, "first");
  EXPECT_EQ(known(), 2);
  EXPECT_TRUE(claims(ClaimType::kBlockade).empty());
  confirm(life("t"), 3, "first");
  EXPECT_EQ(known(), 2) << "without a blockade a confirmation is a late one";
}

TEST_F(Sides, ConfirmsNothingOfAnotherLife) {
  create("t");
  establish({key("t")});
  confirm({key("t"), Uid("before")}, 1);
  EXPECT_EQ(known(), 0);
  EXPECT_TRUE(claims(ClaimType::kBlockade).empty());
}

TEST_F(Sides, DropsThisIncarnationOfThisLifeOnly) {
  create("t");
  establish({key("t")});
  confirm(life("t"), 2);
  drop(life("t"), 1);
  EXPECT_EQ(known(), 2);
  drop({key("t"), Uid("before")}, 2);
  EXPECT_EQ(known(), 2);
  drop(life("t"), 2);
  EXPECT_EQ(known(), 0);
}

TEST_F(Sides, BeginsNoRoundWhileSomethingIsHeldAndNumbersThem) {
  create("t");
  establish({key("t")}, "first");
  confirm(life("t"), 1, "first");
  establish({key("t")}, "second");
  set_state("t", RowState::kClosing, "deletion");
  EXPECT_FALSE(env_.run(target_.begin_round(life("t"), "deletion"))->has_value());
  EXPECT_TRUE(env_.run(target_.release({.token = "second", .target = key("t")})).ok());
  for (int64_t number = 1; number <= 2; ++number) {
    const auto round = *env_.run(target_.begin_round(life("t"), "deletion"));
    ASSERT_TRUE(round.has_value());
    EXPECT_EQ(round->number, number);
    EXPECT_THAT(round->sources, ::testing::ElementsAre(kThere));
  }
  EXPECT_EQ(ReasonOf(env_.run(target_.begin_round(life("t"), "another")).status()),
            Reason::kConflict);
}

TEST_F(Sides, DecidesOnlyWhenEveryoneWasFreeInThisRound) {
  create("t");
  establish({key("t")}, "first");
  EXPECT_FALSE(decide(1)) << "held";
  confirm(life("t"), 1, "first");
  EXPECT_FALSE(decide(1)) << "not asked";
  EXPECT_TRUE(env_.run(target_.note_free(life("t"), kThere, 1)).ok());
  EXPECT_TRUE(decide(1));
  EXPECT_FALSE(decide(2)) << "an answer of an earlier round";
}

TEST_F(Sides, TellsWhatBecameOfARound) {
  create("t");
  const auto state = [this](int64_t round) {
    return *env_.run(target_.round_state({.target = life("t"), .round = round}));
  };
  set_state("t", RowState::kClosing, "deletion");
  ASSERT_TRUE(env_.run(target_.begin_round(life("t"), "deletion"))->has_value());
  EXPECT_EQ(state(1), RoundState::kOn);
  EXPECT_EQ(state(0), RoundState::kOver);
  set_state("t", RowState::kActive, "");
  EXPECT_EQ(state(1), RoundState::kOver);
  // Closed again, by a deletion that hasn't asked anybody yet.
  set_state("t", RowState::kClosing, "another");
  EXPECT_EQ(state(1), RoundState::kOver);
  set_state("t", RowState::kDeleting, "another");
  EXPECT_EQ(state(1), RoundState::kDecided);
}

TEST_F(Sides, FencesATokenForEver) {
  const auto resolve = [this] {
    return env_.run(source_.resolve({.token = "token", .target = key("t")}))->fate;
  };
  EXPECT_EQ(resolve(), Resolved::Fate::kNever);
  EXPECT_FALSE(commit(storage::PutClaim{.claim = {.key = TokenKey("token")}}));
  EXPECT_EQ(resolve(), Resolved::Fate::kNever);
}

TEST_F(Sides, SaysOfACommittedTokenWhatItTook) {
  Claim token{.key = TokenKey("token"), .terms = {.state = kCommitted}};
  token.note = PackTaken({{.where = kThere, .target = life("t"), .incarnation = 7}});
  ASSERT_TRUE(commit(storage::PutClaim{.claim = std::move(token)}));
  const Resolved resolved = *env_.run(source_.resolve({.token = "token", .target = key("t")}));
  EXPECT_EQ(resolved.fate, Resolved::Fate::kCommitted);
  EXPECT_EQ(resolved.uid, life("t").uid);
  EXPECT_EQ(resolved.incarnation, 7);
  const Resolved other = *env_.run(source_.resolve({.token = "token", .target = key("other")}));
  EXPECT_EQ(other.fate, Resolved::Fate::kNever) << "a target that it doesn't refer to";
}

TEST_F(Sides, IsFreeWithoutARight) { EXPECT_EQ(ask(1).what, Answer::What::kFree); }

TEST_F(Sides, SuspendsItsRightAndSaysWhetherSomethingStands) {
  hold();
  refer(OnDelete::kUnset);
  EXPECT_EQ(ask(1).what, Answer::What::kFree);
  EXPECT_EQ(right().state, kSuspended);
  EXPECT_EQ(right().round, 1);
  restore(1);
  EXPECT_EQ(right().state, kHeld);
}

TEST_F(Sides, NamesWhatStandsAgainstIt) {
  hold();
  refer(OnDelete::kBlock);
  const Answer answer = ask(1);
  EXPECT_EQ(answer.what, Answer::What::kBlocked);
  EXPECT_EQ(answer.count, 1);
  ASSERT_EQ(answer.first.size(), 1u);
  EXPECT_EQ(answer.first[0].source, key("holder"));
}

TEST_F(Sides, LeavesALaterRoundsSuspensionAlone) {
  hold();
  EXPECT_EQ(ask(2).what, Answer::What::kFree);
  EXPECT_EQ(ask(1).what, Answer::What::kStale);
  restore(1);
  EXPECT_EQ(right().state, kSuspended);
  EXPECT_EQ(right().round, 2);
}

TEST_F(Sides, DropsARightThatNobodyNeedsAndSaysSoUntilItIsHeard) {
  hold();
  const auto snap = snapshot();
  auto look = env_.run(source_.look_at_right(*snap, key("t")));
  ASSERT_TRUE(look.ok() && look->has_value());
  ASSERT_TRUE(commit(**std::move(look)));
  EXPECT_EQ(*env_.run(source_.run_duties()), 0u) << "nobody hears it";
  EXPECT_EQ(right().state, kNone);
  EXPECT_LT(claims(ClaimType::kRight)[0].due, storage::kNeverDue);
  const Standing standing = *env_.run(source_.standing(life("t")));
  EXPECT_FALSE(standing.has_right);
  EXPECT_EQ(standing.incarnation, 3);
}

TEST_F(Sides, KeepsARightThatIsNeeded) {
  hold();
  refer(OnDelete::kUnset);
  const auto snap = snapshot();
  ASSERT_TRUE(commit(**env_.run(source_.look_at_right(*snap, key("t")))));
  EXPECT_EQ(*env_.run(source_.run_duties()), 1u);
  EXPECT_EQ(right().state, kHeld);
  EXPECT_EQ(claims(ClaimType::kRight)[0].due, storage::kNeverDue);
}

TEST_F(Sides, ClaimsNothingThatItCantAskFor) {
  std::vector<Wanted> wanted{{.target = key("t"), .where = kThere}};
  EXPECT_FALSE(env_.run(source_.obtain(wanted)).ok());
  hold();
  const auto obtained = env_.run(source_.obtain(wanted));
  ASSERT_TRUE(obtained.ok()) << "by the right that is there nobody need be asked";
  EXPECT_EQ(obtained->permit.ops.size(), 1u);
  EXPECT_TRUE(obtained->permit.token.empty());
}

}  // namespace
}  // namespace holdfast::mixin
