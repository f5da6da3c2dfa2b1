// Histories by the thousand, from a store that does what it should and from some that don't.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/list_store.h"
#include "sim/checkers/serializable.h"

namespace holdfast::sim {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Key;
using Outcome = ListTransaction::Outcome;
using Values = std::vector<uint64_t>;
using History = std::vector<ListTransaction>;

std::string Check(const History& history) { return CheckSerializable(history).anomaly; }

// The definition, without any cleverness: tries all orders.
class AllOrders {
 public:
  explicit AllOrders(const History& history) : history_(history), placed_(history.size()) {}

  bool exist() {
    bool complete = true;
    for (size_t i = 0; i < history_.size(); ++i) {
      if (placed_[i] || history_[i].outcome == Outcome::kAborted) continue;
      complete = complete && history_[i].outcome == Outcome::kUnknown;
      if (!is_next(i)) continue;
      const std::map<std::string, Values> before = lists_;
      placed_[i] = true;
      if (apply(history_[i]) && exist()) return true;
      placed_[i] = false;
      lists_ = before;
    }
    return complete;
  }

 private:
  bool is_next(size_t i) const {
    for (size_t j = 0; j < history_.size(); ++j) {
      if (!placed_[j] && history_[j].outcome == Outcome::kCommitted &&
          history_[j].returned < history_[i].invoked) {
        return false;
      }
    }
    return true;
  }
  bool apply(const ListTransaction& transaction) {
    for (const ListAccess& access : transaction.accesses) {
      if (access.read.has_value() && *access.read != lists_[access.key]) return false;
    }
    for (const ListAccess& access : transaction.accesses) {
      if (access.append.has_value()) lists_[access.key].push_back(*access.append);
    }
    return true;
  }

  const History& history_;
  std::vector<bool> placed_;
  std::map<std::string, Values> lists_;
};

TEST(Serializable, TakesWhatASerializableStoreDoes) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    ListStore store(seed,
                    {.clients = 1 + seed % 9, .keys = 1 + seed % 6, .troubled = 2 + seed % 19});
    History history = store.run();
    SerializabilityResult result = CheckSerializable(history);
    ASSERT_TRUE(result.ok) << "seed " << seed << ", " << result.anomaly << ": " << result.why;
    history.push_back(store.last_look());
    result = CheckSerializable(history);
    ASSERT_TRUE(result.ok) << "seed " << seed << ", " << result.anomaly << ": " << result.why;
  }
}

// How often each anomaly was found.
std::map<std::string, int> Anomalies(ListIsolation isolation, uint64_t troubled) {
  std::map<std::string, int> found;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    ListStore store(seed, {.isolation = isolation,
                           .transactions = 5 + seed % 30,
                           .clients = 2 + seed % 4,
                           .keys = 2 + seed % 5,
                           .troubled = troubled});
    ++found[Check(store.run())];
  }
  return found;
}

std::vector<std::string> Names(const std::map<std::string, int>& found) {
  std::vector<std::string> names;
  for (const auto& [name, count] : found) names.push_back(name);
  return names;
}

TEST(Serializable, FindsInEachIsolationWhatItAllowsAndNothingElse) {
  EXPECT_THAT(Names(Anomalies(ListIsolation::kSerializable, 10)), ElementsAre(""));
  const std::map<std::string, int> snapshot = Anomalies(ListIsolation::kSnapshot, 10);
  EXPECT_THAT(Names(snapshot), IsSubsetOf({"", "G2", "G2-realtime"}));
  EXPECT_THAT(snapshot, Contains(Key("G2")));
  const std::map<std::string, int> committed = Anomalies(ListIsolation::kReadCommitted, 10);
  EXPECT_THAT(Names(committed), IsSubsetOf({"", "lost-update", "G-single", "G2",
                                            "G-single-realtime", "G2-realtime"}));
  EXPECT_THAT(committed, Contains(Key("lost-update")));
  EXPECT_THAT(committed, Contains(Key("G-single")));
  const std::map<std::string, int> uncommitted = Anomalies(ListIsolation::kReadUncommitted, 10);
  EXPECT_THAT(uncommitted, Contains(Key("G1a")));
  EXPECT_THAT(uncommitted, Contains(Key("G1c")));
  EXPECT_THAT(Anomalies(ListIsolation::kReadUncommitted, 1'000'000), Contains(Key("G0")));
}

// With a last look that sees all, no order stays open: so the checker must be right both ways.
TEST(Serializable, AgreesWithTheDefinitionOnSmallHistories) {
  std::map<std::string, int> found;
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    ListStore store(seed, {.isolation = static_cast<ListIsolation>(seed % 4),
                           .transactions = 3 + seed % 5,
                           .clients = 2 + seed % 3,
                           .keys = 1 + seed % 3});
    History history = store.run();
    // What was right becomes wrong in time, or the other way round.
    if (seed % 3 == 0) std::swap(history[0].returned, history[1].returned);
    for (ListTransaction& transaction : history) {
      if (transaction.returned < transaction.invoked) transaction.returned = kNever;
    }
    if (AllOrders(history).exist()) {
      ASSERT_EQ(Check(history), "") << "seed " << seed;
    }
    history.push_back(store.last_look());
    const bool stays_right = AllOrders(history).exist();
    const SerializabilityResult result = CheckSerializable(history);
    ASSERT_EQ(result.ok, stays_right) << "seed " << seed << "\n" << result.why;
    ++found[result.anomaly];
  }
  EXPECT_GT(found[""], 5'000);
  for (const char* name :
       {"G0", "G1a", "G1c", "G-single", "G2", "lost-update", "G-single-realtime"}) {
    EXPECT_GT(found[name], 20) << name;
  }
}

}  // namespace
}  // namespace holdfast::sim
