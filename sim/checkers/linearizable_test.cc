#include "sim/checkers/linearizable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Needs = RegisterOp::Needs;
using Verdict = LinearizabilityResult::Verdict;
using History = std::vector<RegisterOp>;

struct Window {
  int64_t invoked;
  int64_t returned = kNever;
};

RegisterOp Read(Window at, uint64_t value) {
  return {.invoked = at.invoked,
          .returned = at.returned,
          .needs = Needs::kExactly,
          .value = value,
          .text = absl::StrCat("read ", value)};
}

RegisterOp Write(Window at, uint64_t value, Needs needs = Needs::kAnything, uint64_t old = 0) {
  return {.invoked = at.invoked,
          .returned = at.returned,
          .needs = needs,
          .value = old,
          .writes = value,
          .text = absl::StrCat("write ", value)};
}

RegisterOp Create(Window at, uint64_t value) { return Write(at, value, Needs::kAbsent); }
RegisterOp Delete(Window at) { return Write(at, 0, Needs::kPresent); }
RegisterOp Swap(Window at, uint64_t old, uint64_t value) {
  return Write(at, value, Needs::kExactly, old);
}
RegisterOp Exists(Window at) {
  return {.invoked = at.invoked, .returned = at.returned, .needs = Needs::kPresent};
}

// No answer, so perhaps no effect.
RegisterOp Lost(RegisterOp op) {
  op.returned = kNever;
  op.may_be_void = true;
  return op;
}

Verdict Check(const History& ops) { return CheckLinearizable(ops).verdict; }

TEST(Linearizable, TakesHistoriesThatHaveAnOrder) {
  const std::vector<History> good = {
      {},
      {Read({1, 2}, 0)},
      {Write({1, 2}, 5), Read({3, 4}, 5)},
      {Write({1, 6}, 5), Read({2, 3}, 0), Read({4, 5}, 5)},
      {Write({1, 4}, 5), Write({2, 3}, 6), Read({5, 6}, 5)},
      {Write({1, 4}, 5), Write({2, 3}, 6), Read({5, 6}, 6)},
      {Create({1, 2}, 5), Exists({3, 4}), Delete({5, 6}), Create({7, 8}, 6), Read({9, 10}, 6)},
      {Create({1, 4}, 5), Create({2, 8}, 6), Delete({3, 9})},
      {Swap({1, 9}, 3, 4), Swap({2, 8}, 2, 3), Swap({3, 7}, 1, 2), Write({4, 6}, 1),
       Read({10, 11}, 4)},
      {Write({1, 2}, 5), Write({3, 4}, 6), Write({5, 6}, 5), Read({7, 8}, 5)},
  };
  for (const History& ops : good) {
    const LinearizabilityResult result = CheckLinearizable(ops);
    EXPECT_EQ(result.verdict, Verdict::kLinearizable) << result.why;
    EXPECT_EQ(result.why, "");
  }
}

TEST(Linearizable, RefusesHistoriesThatHaveNone) {
  const std::vector<History> bad = {
      {Read({1, 2}, 5)},                                           // out of thin air
      {Write({1, 2}, 5), Read({3, 4}, 0)},                         // a lost write
      {Write({1, 2}, 5), Write({3, 4}, 6), Read({5, 6}, 5)},       // a stale read
      {Read({1, 2}, 5), Write({3, 4}, 5)},                         // from the future
      {Write({1, 8}, 5), Read({2, 3}, 5), Read({4, 5}, 0)},        // back in time
      {Create({1, 2}, 5), Create({3, 4}, 6)},                      // two created it
      {Exists({1, 2})},                                            // nothing was there
      {Create({1, 2}, 5), Delete({3, 6}), Delete({4, 5})},         // two deleted it
      {Write({1, 2}, 1), Swap({3, 6}, 1, 2), Swap({4, 5}, 1, 3)},  // two swapped it
      {Write({1, 2}, 1), Write({3, 4}, 2), Write({5, 10}, 3), Read({6, 7}, 3), Read({8, 9}, 2)},
      {Write({1, 4}, 1), Write({2, 3}, 2), Read({5, 6}, 1), Read({7, 8}, 2)},
  };
  for (const History& ops : bad) {
    const LinearizabilityResult result = CheckLinearizable(ops);
    EXPECT_EQ(result.verdict, Verdict::kNot) << ops.back().text << " at " << ops.back().invoked;
    EXPECT_THAT(result.why, HasSubstr("not linearizable"));
  }
}

TEST(Linearizable, StartsFromTheInitialValue) {
  EXPECT_EQ(CheckLinearizable({Read({1, 2}, 7)}, {.initial = 7}).verdict, Verdict::kLinearizable);
  EXPECT_EQ(CheckLinearizable({Exists({1, 2})}, {.initial = 7}).verdict, Verdict::kLinearizable);
  EXPECT_EQ(CheckLinearizable({Read({1, 2}, 0)}, {.initial = 7}).verdict, Verdict::kNot);
}

TEST(Linearizable, AnUnknownOutcomeMayHaveHadAnEffectAtAnyTimeOrNever) {
  const RegisterOp lost = Lost(Write({1}, 5));
  EXPECT_EQ(Check({lost}), Verdict::kLinearizable);
  EXPECT_EQ(Check({lost, Read({2, 3}, 0)}), Verdict::kLinearizable);
  EXPECT_EQ(Check({lost, Read({2, 3}, 5)}), Verdict::kLinearizable);
  EXPECT_EQ(Check({lost, Read({2, 3}, 0), Write({4, 5}, 6), Read({6, 7}, 6), Read({8, 9}, 5)}),
            Verdict::kLinearizable);
  EXPECT_EQ(Check({lost, Read({2, 3}, 5), Write({4, 5}, 6), Read({6, 7}, 5)}), Verdict::kNot)
      << "it had its effect once";
  EXPECT_EQ(Check({Read({1, 2}, 5), Lost(Write({3}, 5))}), Verdict::kNot) << "not before its call";
}

TEST(Linearizable, UnknownOutcomesMayExplainEachOther) {
  EXPECT_EQ(Check({Create({1, 2}, 1), Lost(Delete({3})), Lost(Create({4}, 2)), Read({5, 6}, 2)}),
            Verdict::kLinearizable);
  EXPECT_EQ(Check({Create({1, 2}, 1), Lost(Create({4}, 2)), Read({5, 6}, 2)}), Verdict::kNot);
  EXPECT_EQ(Check({Lost(Create({1}, 1)), Lost(Swap({2}, 1, 2)), Lost(Swap({3}, 2, 3)),
                   Exists({4, 5}), Read({6, 7}, 3), Exists({8, 9})}),
            Verdict::kLinearizable);
}

TEST(Linearizable, AnAnswerThatSaysNothingOfTheEffectBoundsItsTime) {
  RegisterOp vague = Write({1, 4}, 5);
  vague.may_be_void = true;
  EXPECT_EQ(Check({vague, Read({2, 3}, 0), Read({5, 6}, 5)}), Verdict::kLinearizable);
  EXPECT_EQ(Check({vague, Read({5, 6}, 0)}), Verdict::kLinearizable);
  EXPECT_EQ(Check({vague, Read({5, 6}, 0), Read({7, 8}, 5)}), Verdict::kNot);
}

TEST(Linearizable, WhatIsKnownToHaveHadAnEffectMustHaveAPlace) {
  EXPECT_EQ(Check({Create({1}, 5), Read({2, 3}, 0)}), Verdict::kLinearizable) << "afterwards";
  EXPECT_EQ(Check({Create({1, 2}, 4), Create({3}, 5), Delete({4, 5})}), Verdict::kLinearizable);
  const LinearizabilityResult result = CheckLinearizable({Create({1, 2}, 4), Create({3}, 5)});
  EXPECT_EQ(result.verdict, Verdict::kNot);
  EXPECT_THAT(result.why, HasSubstr("1 of 1 answers"));
}

TEST(Linearizable, SaysWhatHasAnOrderAndWhatCannotComeNext) {
  History ops = {Write({1, 2}, 1), Write({3, 4}, 2),     Write({5, 6}, 3),  Read({7, 8}, 3),
                 Write({9}, 4),    Lost(Write({10}, 6)), Read({11, 12}, 2), Read({13, 14}, 9)};
  const std::string why = CheckLinearizable(ops).why;
  EXPECT_EQ(why,
            "not linearizable: 4 of 6 answers have an order, but not with\n"
            "  read 2 [11, 12]\n"
            "One order until then, of 4, ends with\n"
            "  write 2 [3, 4]\n"
            "  write 3 [5, 6]\n"
            "  read 3 [7, 8]\n"
            "Then the value is 3. Under way, and can't help:\n"
            "  read 2 [11, no answer]\n  write 6 [10, no answer] and 1 more");
}

TEST(Linearizable, GivesUpAtTheLimitOfStates) {
  const History ops = {Write({1, 2}, 1), Write({3, 4}, 2), Read({5, 6}, 2)};
  EXPECT_EQ(CheckLinearizable(ops, {.max_states = 3}).verdict, Verdict::kLinearizable);
  const LinearizabilityResult result = CheckLinearizable(ops, {.max_states = 2});
  EXPECT_EQ(result.verdict, Verdict::kGaveUp);
  EXPECT_EQ(result.why, "gave up after 2 states");
}

// The definition, without any cleverness: tries all orders of a few operations.
class AllOrders {
 public:
  explicit AllOrders(const History& ops) : ops_(ops) {}

  bool exist(uint64_t placed, uint64_t value) {
    if (!seen_.emplace(placed, value).second) return false;
    bool complete = true;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if ((placed >> i & 1) != 0) continue;
      complete = complete && ops_[i].may_be_void;
      if (!is_next(i, placed)) continue;
      if (ops_[i].may_be_void && exist(placed | 1ULL << i, value)) return true;
      if (is_met(ops_[i], value) && exist(placed | 1ULL << i, ops_[i].writes.value_or(value))) {
        return true;
      }
    }
    return complete;
  }

 private:
  bool is_next(size_t i, uint64_t placed) const {
    for (size_t j = 0; j < ops_.size(); ++j) {
      if ((placed >> j & 1) == 0 && ops_[j].returned < ops_[i].invoked) return false;
    }
    return true;
  }
  static bool is_met(const RegisterOp& op, uint64_t value) {
    if (op.needs == Needs::kAbsent) return value == 0;
    if (op.needs == Needs::kPresent) return value != 0;
    return op.needs == Needs::kAnything || value == op.value;
  }

  const History& ops_;
  std::set<std::pair<uint64_t, uint64_t>> seen_;
};

TEST(Linearizable, AgreesWithTheDefinitionOnSmallHistoriesOfAllKinds) {
  std::map<Verdict, int> verdicts;
  for (uint64_t seed = 1; seed <= 30'000; ++seed) {
    std::mt19937_64 random(seed);
    const auto draw = [&random](uint64_t below) { return random() % below; };
    const uint64_t size = 3 + draw(6);
    const uint64_t values = 2 + draw(3);
    std::vector<int64_t> places(2 * size);
    for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int64_t>(i);
    // Nearly in order: otherwise everything is concurrent to everything.
    for (size_t i = 0; i < places.size(); ++i) {
      std::swap(places[i], places[std::min(places.size() - 1, i + draw(4))]);
    }
    History ops;
    for (size_t i = 0; i < size; ++i) {
      const auto [first, last] = std::minmax(places[2 * i], places[2 * i + 1]);
      RegisterOp op = {.invoked = first, .returned = last};
      op.needs = static_cast<Needs>(draw(4));
      op.value = draw(values);
      if (draw(3) > 0) op.writes = draw(values);
      if (draw(4) == 0) op.returned = kNever;
      op.may_be_void = draw(op.returned == kNever ? 2 : 8) == 0;
      ops.push_back(op);
    }
    const Verdict expected = AllOrders(ops).exist(0, 0) ? Verdict::kLinearizable : Verdict::kNot;
    ++verdicts[expected];
    const LinearizabilityResult result = CheckLinearizable(ops);
    ASSERT_EQ(result.verdict, expected) << "seed " << seed << "\n" << result.why;
    ASSERT_LE(std::count(result.why.begin(), result.why.end(), '\n'), 8);
  }
  EXPECT_GT(verdicts[Verdict::kLinearizable], 3'000);
  EXPECT_GT(verdicts[Verdict::kNot], 3'000);
}

// What clients see of a real register. Each operation takes effect between its call and its answer;
// some get no answer, and have their effect before, long after, or never.
struct Simulation {
  size_t operations = 60;
  size_t clients = 4;
  size_t unknown = 6;
  uint64_t kinds = 6;  // 2: only reads and writes
};

class Register {
 public:
  Register(uint64_t seed, const Simulation& simulation) : random_(seed), simulation_(simulation) {}

  History run() {
    std::vector<size_t> idle(simulation_.clients);
    for (size_t left = simulation_.operations; left > 0 || !under_way_.empty();) {
      const uint64_t at = draw(idle.size() + under_way_.size());
      if (at < idle.size() && left > 0) {
        idle.pop_back();
        invoke();
        --left;
      } else if (at >= idle.size() &&
                 move(under_way_.begin() + static_cast<int64_t>(at - idle.size()))) {
        idle.emplace_back();
      }
      if (!late_.empty() && draw(20) == 0) {
        effect(late_.back());
        late_.pop_back();
      }
    }
    return ops_;
  }

 private:
  struct Call {
    size_t op;
    uint64_t kind;
    bool had_effect = false;
  };

  uint64_t draw(uint64_t below) { return random_() % below; }

  void invoke() {
    const uint64_t kind = draw(simulation_.kinds);
    under_way_.push_back({.op = ops_.size(), .kind = kind});
    constexpr Needs kNeeds[] = {Needs::kAnything, Needs::kAnything, Needs::kAbsent,
                                Needs::kPresent,  Needs::kPresent,  Needs::kExactly};
    RegisterOp op = {.invoked = ++now_, .needs = kNeeds[kind], .may_be_void = true};
    if (kind == 5) op.value = value_;
    if (kind > 0) op.writes = kind == 3 ? 0 : ++last_written_;
    op.text = absl::StrCat("kind ", kind, " of ", op.writes.value_or(0));
    ops_.push_back(op);
  }

  // Whether its client is free again.
  bool move(std::vector<Call>::iterator call) {
    const bool lose =
        simulation_.unknown > 0 && draw(simulation_.operations) < 2 * simulation_.unknown;
    if (lose) {
      --simulation_.unknown;
      if (!call->had_effect && draw(2) == 0) late_.push_back(*call);
    } else if (!call->had_effect) {
      effect(*call);
      call->had_effect = true;
      return false;
    } else {
      ops_[call->op].returned = ++now_;
      ops_[call->op].may_be_void = false;
      // An answer says what was seen; a refusal is the answer that it saw the opposite.
      ops_[call->op] = answers_[call->op];
      ops_[call->op].returned = now_;
    }
    under_way_.erase(call);
    return true;
  }

  void effect(const Call& call) {
    RegisterOp op = ops_[call.op];
    op.may_be_void = false;
    const bool met =
        call.kind <= 1 || (call.kind == 5 ? value_ == op.value : (value_ != 0) == (call.kind > 2));
    if (!met || call.kind == 0) {
      op.needs = Needs::kExactly;
      op.value = value_;
      op.writes.reset();
      if (call.kind == 2) op.needs = Needs::kPresent;
    } else {
      value_ = op.writes.value_or(value_);
    }
    answers_[call.op] = op;
  }

  std::mt19937_64 random_;
  Simulation simulation_;
  int64_t now_ = 0;
  uint64_t value_ = 0;
  uint64_t last_written_ = 0;
  History ops_;
  std::map<size_t, RegisterOp> answers_;
  std::vector<Call> under_way_;
  std::vector<Call> late_;
};

TEST(Linearizable, TakesWhatARealRegisterDoes) {
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    const History ops = Register(seed, {.clients = 1 + seed % 8, .unknown = seed % 11}).run();
    const LinearizabilityResult result = CheckLinearizable(ops);
    ASSERT_EQ(result.verdict, Verdict::kLinearizable) << "seed " << seed << "\n" << result.why;
  }
}

}  // namespace
}  // namespace holdfast::sim
