#include "holdfast/feed/audience.h"

#include "holdfast/storage/conformance.h"

namespace holdfast::feed {
namespace {

using storage::kRule;
using storage::kVpc;
using storage::NewRow;
using storage::Rule;
using storage::Vpc;

constexpr Duration kLater = Seconds(10);

class AudienceTest : public ::testing::Test {
 protected:
  // A subscriber who waits. Its number tells it apart.
  Audience::GroupPtr wait(uint64_t id, const Interest& interest, Duration deadline = kLater) {
    const Audience::GroupPtr group = audience_.join(interest, Revision(0));
    audience_.wait(group, id, signals_[id], deadline, Revision(5));
    return group;
  }
  void note(const ResourceKey& key, Revision revision = Revision(7)) {
    storage::Row row = NewRow(key);
    row.revision = revision;
    audience_.note(row);
  }
  // Whose signals these are.
  std::vector<uint64_t> woken(std::vector<Signal> signals) {
    for (Signal& signal : signals) signal.notify();
    std::vector<uint64_t> ids;
    for (auto& [id, signal] : signals_) {
      if (signal.generation() != seen_[id]) ids.push_back(id);
      seen_[id] = signal.generation();
    }
    return ids;
  }

  Audience audience_;
  std::map<uint64_t, Signal> signals_;
  std::map<uint64_t, uint64_t> seen_;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(AudienceTest, WakesThoseWhoWantTheRowAndNobodyElse) {
  wait(1, {});
  wait(2, {.kinds = {kVpc}});
  wait(3, {.kinds = {kRule, kVpc}, .name_prefix = "vpcs/a"});
  wait(4, {.kinds = {kRule}});
  wait(5, {.name_prefix = "vpcs/b"});
  wait(6, {.name_prefix = "vpcs/a/rules/and/much/longer"});
  note(Vpc("a"));
  EXPECT_THAT(woken(audience_.take_noted()), ElementsAre(1, 2, 3));
  note(Rule("a", "1"));
  EXPECT_THAT(woken(audience_.take_noted()), ElementsAre(4)) << "the others don't wait any more";
}

TEST_F(AudienceTest, RemembersForAGroupWhenSomethingInterestingHappened) {
  const Audience::GroupPtr a = audience_.join({.name_prefix = "vpcs/a"}, Revision(3));
  const Audience::GroupPtr b = audience_.join({.name_prefix = "vpcs/b"}, Revision(3));
  EXPECT_EQ(a->known_since, Revision(3));
  note(Vpc("a"), Revision(7));
  EXPECT_EQ(a->last_change, Revision(7));
  EXPECT_EQ(b->last_change, Revision(0));
  audience_.forget_all(Revision(9));
  EXPECT_EQ(a->known_since, Revision(9));
}

TEST_F(AudienceTest, PutsTheSameInterestIntoOneGroup) {
  const auto first = audience_.join({.kinds = {kVpc, kRule, kVpc}}, Revision(0));
  const auto second = audience_.join({.kinds = {kRule, kVpc}}, Revision(9));
  EXPECT_EQ(first, second);
  EXPECT_EQ(audience_.members(), 2);
  audience_.leave(first);
  audience_.leave(second);
  EXPECT_EQ(audience_.members(), 0);
  EXPECT_NE(audience_.join({.kinds = {kRule, kVpc}}, Revision(9)), first) << "it was dropped";
}

TEST_F(AudienceTest, LeavingDoesNotDisturbOthersWithTheSamePrefix) {
  const Audience::GroupPtr one = wait(1, {.kinds = {kVpc}, .name_prefix = "vpcs/"});
  wait(2, {.kinds = {kVpc, kRule}, .name_prefix = "vpcs/"});
  audience_.stop_waiting(1);
  audience_.leave(one);
  note(Vpc("a"));
  EXPECT_THAT(woken(audience_.take_noted()), ElementsAre(2));
}

TEST_F(AudienceTest, WakesAtTheDeadlineOnlyWhoHasSomethingToHear) {
  wait(1, {}, Seconds(1));
  wait(2, {}, Seconds(3));
  EXPECT_THAT(woken(audience_.take_due(Seconds(2), Seconds(1), Revision(5))), IsEmpty())
      << "the revision hasn't moved";
  EXPECT_THAT(woken(audience_.take_due(Seconds(2), Seconds(1), Revision(6))), IsEmpty())
      << "its deadline has been put off";
  EXPECT_THAT(woken(audience_.take_due(Seconds(3), Seconds(1), Revision(6))), ElementsAre(1, 2));
  EXPECT_THAT(woken(audience_.take_all()), IsEmpty());
}

TEST_F(AudienceTest, WakesEveryoneWhenAsked) {
  wait(1, {.name_prefix = "a"});
  wait(2, {.name_prefix = "b"});
  EXPECT_THAT(woken(audience_.take_all()), ElementsAre(1, 2));
}

}  // namespace
}  // namespace holdfast::feed
