#include "sim/checkers/serializable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Outcome = ListTransaction::Outcome;
using History = std::vector<ListTransaction>;
using Values = std::vector<uint64_t>;

struct Window {
  int64_t invoked;
  int64_t returned = kNever;
};

// Everything at the same time.
constexpr Window kTogether = {1, 99};

ListAccess Saw(const std::string& key, const Values& values) {
  return {.key = key, .read = values, .append = std::nullopt};
}
ListAccess Add(const std::string& key, uint64_t value) {
  return {.key = key, .read = std::nullopt, .append = value};
}
ListAccess Update(const std::string& key, const Values& saw, uint64_t value) {
  return {.key = key, .read = saw, .append = value};
}

ListTransaction Do(Window at, const std::vector<ListAccess>& accesses) {
  return {.invoked = at.invoked, .returned = at.returned, .accesses = accesses};
}
ListTransaction With(Outcome outcome, ListTransaction transaction) {
  transaction.outcome = outcome;
  return transaction;
}

std::string Check(const History& history) { return CheckSerializable(history).anomaly; }

TEST(Serializable, TakesHistoriesThatHaveAnOrder) {
  const std::vector<History> good = {
      {},
      {Do({1, 2}, {Saw("x", {})})},
      {Do({1, 2}, {Add("x", 1)}), Do({3, 4}, {Saw("x", {1})})},
      {Do({1, 6}, {Add("x", 1)}), Do({2, 3}, {Saw("x", {})}), Do({4, 5}, {Saw("x", {1})})},
      {Do({1, 2}, {Update("x", {}, 1)}), Do({3, 4}, {Update("x", {1}, 2)}),
       Do({5, 6}, {Update("x", {1, 2}, 3)})},
      {Do({1, 2}, {Add("x", 1), Saw("y", {})}), Do({3, 4}, {Add("y", 2), Saw("x", {1})})},
      {Do(kTogether, {Saw("x", {}), Add("x", 1)}), Do(kTogether, {Saw("x", {1}), Add("x", 2)})},
      {Do({1}, {Add("x", 1)}), Do({2, 3}, {Saw("x", {})})},
      // Appends that nobody read may have come in any order.
      {Do({1, 4}, {Add("x", 1), Add("y", 2)}), Do({2, 3}, {Add("y", 3), Add("x", 4)})},
      // A transaction that starts where another returned may still come first.
      {Do({1, 2}, {Add("x", 1)}), Do({2, 3}, {Saw("x", {})})},
      // The same read twice.
      {Do({1, 2}, {Add("x", 1)}), Do({3, 4}, {Saw("x", {1}), Update("x", {1}, 2)})},
  };
  for (const History& history : good) {
    const SerializabilityResult result = CheckSerializable(history);
    EXPECT_TRUE(result.ok) << result.why;
    EXPECT_EQ(result.anomaly + result.why, "");
  }
}

TEST(Serializable, RefusesWhatOneListShowsToBeWrong) {
  const ListTransaction one = Do({1, 2}, {Add("x", 1)});
  const ListTransaction two = Do(kTogether, {Add("x", 2)});
  const std::vector<std::pair<History, std::string>> bad = {
      {{one, Do({3, 4}, {Add("x", 1)})}, "malformed"},
      {{Do({1, 2}, {Add("x", 1), Add("x", 2)})}, "malformed"},
      {{Do({2, 1}, {})}, "malformed"},
      {{one, Do({3, 4}, {Saw("x", {1, 7})})}, "garbage-read"},
      {{one, Do({3, 4}, {Saw("y", {1})})}, "garbage-read"},
      {{With(Outcome::kAborted, one), Do({3, 4}, {Saw("x", {1})})}, "G1a"},
      {{one, Do({3, 4}, {Saw("x", {1, 1})})}, "duplicate-elements"},
      {{one, two, Do({3, 4}, {Saw("x", {1, 1})}), Do({3, 4}, {Saw("x", {1, 2})})},
       "duplicate-elements"},
      {{one, Do({3, 4}, {Update("x", {1, 2}, 2)})}, "internal"},
      {{one, two, Do({5, 6}, {Saw("x", {1, 2})}), Do({5, 6}, {Saw("x", {2, 1})})},
       "incompatible-order"},
      {{one, two, Do({5, 6}, {Saw("x", {1, 2})}), Do({5, 6}, {Saw("x", {2})})},
       "incompatible-order"},
      {{one, Do({3, 4}, {Saw("x", {})})}, "lost-update"},
      {{one, two, Do({3, 4}, {Saw("x", {2})})}, "lost-update"},
      {{one, Do({3, 8}, {Update("x", {1}, 3)}), Do({4, 7}, {Update("x", {1}, 4)})}, "lost-update"},
      {{one, Do({3, 8}, {Update("x", {1}, 3)}), Do({4, 7}, {Update("x", {1}, 4)}),
        Do({9, 10}, {Saw("x", {1, 3, 4})})},
       "lost-update"},
  };
  for (const auto& [history, anomaly] : bad) {
    const SerializabilityResult result = CheckSerializable(history);
    EXPECT_EQ(result.anomaly, anomaly) << result.why;
    EXPECT_FALSE(result.ok);
    EXPECT_NE(result.why, "");
  }
}

struct Cycle {
  std::string name;
  History history;
};

// None needs to know when anything happened.
std::vector<Cycle> Cycles() {
  const auto both = [](const ListAccess& x, const ListAccess& y) { return Do(kTogether, {x, y}); };
  const ListTransaction last = both(Saw("x", {1, 2}), Saw("y", {4, 3}));
  return {
      {"G0", {both(Add("x", 1), Add("y", 3)), both(Add("x", 2), Add("y", 4)), last}},
      {"G1c", {both(Add("x", 1), Saw("y", {3})), both(Add("y", 3), Saw("x", {1}))}},
      {"G1c",
       {both(Add("x", 1), Saw("y", {3})), Do(kTogether, {Add("x", 2), Add("y", 3)}),
        Do(kTogether, {Saw("x", {1, 2})})}},
      // Torn: one of two appends was seen.
      {"G-single", {both(Add("x", 1), Add("y", 3)), both(Saw("x", {1}), Saw("y", {}))}},
      // Nobody saw the append that must have come next, so neither did who saw another of its own.
      {"G-single", {both(Update("x", {}, 1), Add("y", 3)), both(Saw("x", {}), Saw("y", {3}))}},
      // The list went on between a read and the append.
      {"G-single",
       {Do(kTogether, {Update("x", {}, 2)}), Do(kTogether, {Add("x", 1)}),
        Do(kTogether, {Saw("x", {1, 2})})}},
      {"G-single",
       {Do(kTogether, {Update("x", {}, 1)}), Do(kTogether, {Add("x", 2)}),
        Do(kTogether, {Saw("x", {2})})}},
      {"G-single", {Do(kTogether, {Add("x", 1)}), Do(kTogether, {Saw("x", {}), Saw("x", {1})})}},
      // Write skew.
      {"G2", {both(Saw("x", {}), Add("y", 3)), both(Saw("y", {}), Add("x", 1))}},
      // Two who saw two appends in different orders.
      {"G2",
       {Do(kTogether, {Add("x", 1)}), Do(kTogether, {Add("y", 3)}),
        both(Saw("x", {1}), Saw("y", {})), both(Saw("x", {}), Saw("y", {3}))}},
  };
}

// Each lacks only what follows from the order in time.
std::vector<Cycle> RealTimeCycles() {
  return {
      {"G0-realtime",
       {Do({1, 2}, {Add("x", 1)}), Do({3, 4}, {Add("x", 2)}), Do({1, 9}, {Saw("x", {2, 1})})}},
      {"G1c-realtime", {Do({1, 2}, {Saw("x", {1})}), Do({3, 4}, {Add("x", 1)})}},
      // A stale read.
      {"G-single-realtime",
       {Do({1, 2}, {Add("x", 1)}), Do({3, 4}, {Saw("x", {})}), Do({1, 9}, {Saw("x", {1})})}},
      {"G-single-realtime",
       {Do({1, 2}, {Saw("x", {1})}), Do({3, 4}, {Saw("x", {})}), Do({1, 9}, {Add("x", 1)})}},
      // Write skew, with a third who sees that the first was early.
      {"G2-realtime",
       {Do({1, 2}, {Add("x", 1)}), Do({3, 4}, {Saw("y", {})}),
        Do({1, 9}, {Saw("x", {}), Add("y", 3)})}},
  };
}

TEST(Serializable, RefusesCyclesByTheirNames) {
  for (const Cycle& cycle : Cycles()) {
    const SerializabilityResult result = CheckSerializable(cycle.history);
    EXPECT_EQ(result.anomaly, cycle.name) << result.why;
    EXPECT_THAT(result.why, HasSubstr("\nT1 is before T2"));
  }
}

TEST(Serializable, RefusesCyclesThatNeedTheOrderInTimeAndNothingElseOfThem) {
  for (const Cycle& cycle : RealTimeCycles()) {
    const SerializabilityResult result = CheckSerializable(cycle.history);
    EXPECT_EQ(result.anomaly, cycle.name) << result.why;
    History together = cycle.history;
    for (ListTransaction& transaction : together) transaction.returned = kNever;
    EXPECT_EQ(Check(together), "") << cycle.name;
  }
}

// With keys and values that are in no other history.
History Elsewhere(History history) {
  for (ListTransaction& transaction : history) {
    for (ListAccess& access : transaction.accesses) {
      access.key += "-elsewhere";
      if (access.append.has_value()) *access.append += 1'000;
      if (!access.read.has_value()) continue;
      for (uint64_t& value : *access.read) value += 1'000;
    }
  }
  return history;
}

History Both(History history, const History& more) {
  history.insert(history.end(), more.begin(), more.end());
  return history;
}

TEST(Serializable, TellsOfTheWorstCycle) {
  const std::vector<Cycle> bad = Cycles();  // from worst to best
  for (size_t i = 0; i < bad.size(); ++i) {
    for (size_t j = i; j < bad.size(); ++j) {
      const History elsewhere = Elsewhere(bad[j].history);
      EXPECT_EQ(Check(Both(bad[i].history, elsewhere)), bad[i].name) << bad[j].name;
      EXPECT_EQ(Check(Both(elsewhere, bad[i].history)), bad[i].name) << bad[j].name;
    }
    for (const Cycle& strict : RealTimeCycles()) {
      EXPECT_EQ(Check(Both(Elsewhere(strict.history), bad[i].history)), bad[i].name);
    }
  }
}

TEST(Serializable, AnUnknownOutcomeCountsOnceItWasSeen) {
  const ListTransaction unknown = With(Outcome::kUnknown, Do({1, 2}, {Add("x", 1), Add("y", 2)}));
  EXPECT_EQ(Check({unknown, Do({3, 4}, {Saw("x", {}), Saw("y", {})})}), "");
  EXPECT_EQ(Check({unknown, Do({3, 4}, {Saw("x", {1}), Saw("y", {2})})}), "");
  EXPECT_EQ(Check({unknown, Do({3, 4}, {Saw("x", {})}), Do({5, 6}, {Saw("x", {1})})}), "")
      << "at any time after its call";
  EXPECT_EQ(Check({unknown, Do({3, 4}, {Saw("x", {1}), Saw("y", {})})}), "G-single");
  EXPECT_EQ(Check({Do({1, 2}, {Saw("x", {1})}), With(Outcome::kUnknown, Do({3}, {Add("x", 1)}))}),
            "G1c-realtime");
}

TEST(Serializable, WhatAnUnknownTransactionSawCountsOnceItWasSeenItself) {
  const ListTransaction first = With(Outcome::kUnknown, Do({1}, {Add("x", 1), Add("z", 4)}));
  const ListTransaction second = With(Outcome::kUnknown, Do({1}, {Saw("x", {1}), Add("y", 2)}));
  const ListTransaction torn = Do({1, 9}, {Saw("y", {2}), Saw("z", {})});
  EXPECT_EQ(Check({first, second, torn}), "G-single");
  EXPECT_EQ(Check({torn, second, first}), "G-single");
  EXPECT_EQ(Check({second, Do({1, 9}, {Saw("z", {})})}), "") << "garbage, but was it committed?";
  EXPECT_EQ(Check({second, Do({1, 9}, {Saw("y", {2})})}), "garbage-read");
}

TEST(Serializable, WhatAnAbortedTransactionSawDoesNotMatter) {
  const ListTransaction aborted = With(Outcome::kAborted, Do({1, 2}, {Update("x", {7}, 1)}));
  EXPECT_EQ(Check({aborted, Do({3, 4}, {Saw("x", {})})}), "");
}

TEST(Serializable, SaysWhoCannotComeBeforeWhom) {
  ListTransaction pear = Do({1, 4}, {Add("fruit", 5), Add("trees", 6)});
  pear.text = "plant pear";
  ListTransaction look = Do({6, 7}, {Saw("fruit", {}), Saw("trees", {})});
  look.text = "look";
  ListTransaction other = Do({2, 8}, {Update("trees", {}, 4)});
  const SerializabilityResult result = CheckSerializable(
      {pear, look, other, Do({9, 10}, {Saw("fruit", {5})}), Do({9, 10}, {Saw("trees", {4, 6})})});
  EXPECT_EQ(result.anomaly, "G-single-realtime");
  EXPECT_EQ(result.why,
            "there is no order of\n"
            "  T1: look [6, 7]\n"
            "  T2: plant pear [1, 4]\n"
            "T1 is before T2: T2 appended 5 to fruit, which T1 didn't see\n"
            "T2 is before T1: T2 returned at 4, T1 was invoked at 6");
}

TEST(Serializable, LeavesOutWhoOnlyAppendedInBetween) {
  History history;
  Values all;
  for (uint64_t value = 1; value <= 9; ++value) {
    history.push_back(Do({1, value == 9 ? 2 : 99}, {Add("x", value)}));
    history.back().text = absl::StrCat("add ", value);
    all.push_back(value);
  }
  history.push_back(Do({3, 4}, {Saw("x", {1})}));
  history.push_back(Do({5, 6}, {Saw("x", all)}));
  EXPECT_EQ(CheckSerializable(history).why,
            "there is no order of\n"
            "  T1: transaction [3, 4]\n"
            "  T2: add 9 [1, 2]\n"
            "T1 is before T2: T2 appended 9 to x, which T1 didn't see\n"
            "T2 is before T1: T2 returned at 2, T1 was invoked at 3");
}

// Each read a list before the next one appended to it.
History Ring(size_t size) {
  History ring;
  for (size_t i = 0; i < size; ++i) {
    ring.push_back(Do(kTogether, {Saw(absl::StrCat("k", i), {}),
                                  Add(absl::StrCat("k", (i + size - 1) % size), i)}));
    ring.back().text = absl::StrCat("number ", i + 1);
  }
  return ring;
}

// More than it would find by searching for a short cycle from each.
TEST(Serializable, FindsTheWorseOneAmongMany) {
  for (size_t place = 300; place < 370; ++place) {
    History history = Ring(400);
    ASSERT_EQ(Check(history), "G2");
    history.push_back(Do(kTogether, {Add("x", 1'000), Add("y", 1'001)}));
    history[place].accesses.push_back(Saw("x", {1'000}));
    history[place].accesses.push_back(Saw("y", {}));
    ASSERT_EQ(Check(history), "G-single") << place;
  }
}

TEST(Serializable, TellsOfTheSmallestCycle) {
  for (const History& history :
       {Both(Ring(20), Elsewhere(Ring(2))), Both(Ring(2), Elsewhere(Ring(20)))}) {
    EXPECT_THAT(CheckSerializable(history).why, Not(HasSubstr("T3")));
  }
}

TEST(Serializable, HowMuchHappenedInBetweenDoesNotMakeACycleLonger) {
  History history = {Do({1, 2}, {Add("x", 1), Add("y", 2)}), Do({1, 90}, {Saw("y", {2})}),
                     Do({91, 92}, {Saw("x", {})}), Do({1, 99}, {Saw("x", {1})})};
  for (int64_t place = 3; place < 90; ++place) history.push_back(Do({place, place}, {}));
  const SerializabilityResult result = CheckSerializable(history);
  EXPECT_EQ(result.anomaly, "G-single-realtime");
  EXPECT_THAT(result.why, HasSubstr("T2 returned at 2, T1 was invoked at 91"));
}

TEST(Serializable, TellsOfALongCycleNoMoreThanOneCanRead) {
  EXPECT_THAT(CheckSerializable(Ring(8)).why, Not(HasSubstr("more")));
  const SerializabilityResult result = CheckSerializable(Ring(2'000));
  EXPECT_EQ(result.anomaly, "G2");
  EXPECT_THAT(result.why, HasSubstr("T8: number 8 [1, 99] and 1992 more\nT1 is before T2: "));
  EXPECT_THAT(result.why, HasSubstr("\nT8 is before T9: T9 appended 8 to k7, which T8 didn't see\n"
                                    "and so on to T2000, who is before T1"));
}

}  // namespace
}  // namespace holdfast::sim
