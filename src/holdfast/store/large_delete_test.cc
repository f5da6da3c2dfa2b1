// Deletions that take several batches.
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

StoreOptions SmallBatches() { return {.max_batch_ops = 10, .max_inline_dependants = 5}; }

class LargeDeletes : public OnEveryEngine {
 protected:
  void GivenManyRules(int count) {
    store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/p/vpcs/w"),
                Create("projects/p/gateways/g"));
    for (int i = 0; i < count; ++i) {
      store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
    }
  }

  TestStore store{GetParam(), SmallBatches()};
};
INSTANTIATE_TEST_SUITE_P(Engines, LargeDeletes, EveryEngine(), EngineName);

TEST_P(LargeDeletes, TakeEverythingBelow) {
  HF_COVERS("T7");
  GivenManyRules(40);
  EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
  for (const char* name : {"projects/p", "projects/p/vpcs/v", "projects/p/vpcs/v/rules/r39"}) {
    EXPECT_FALSE(store.exists(name)) << name;
    EXPECT_EQ(store.state(name), RowState::kGone);
  }
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_TRUE(store.apply(Create("projects/p")).ok());
}

TEST_P(LargeDeletes, ChangeNothingWhenSomethingDeepInsideIsBlocked) {
  GivenManyRules(40);
  store.given(Create("projects/q"), Create("projects/q/gateways/g", "vpc: 'projects/p/vpcs/w'"));
  const std::string version = MetaOf(*store.get("projects/p")).resource_version();
  const absl::Status status = store.apply(Delete("projects/p"));
  EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("projects/q/gateways/g"));
  EXPECT_EQ(MetaOf(*store.get("projects/p")).resource_version(), version);
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_TRUE(store.exists("projects/p/vpcs/v/rules/r0"));
}

TEST_P(LargeDeletes, ClearAndFollowReferencesFromOutside) {
  GivenManyRules(3);
  store.given(Create("groups/a"), Create("projects/q"), Create("projects/q/vpcs/v"));
  for (int i = 0; i < 30; ++i) {
    store.given(Create(absl::StrCat("projects/q/instances/i", i),
                       i % 2 == 0 ? "vpc: 'projects/q/vpcs/v' group: 'groups/a'"
                                  : "vpc: 'projects/q/vpcs/v'"
                                    " labels_to_groups { key: 'k' value: 'groups/a' }"));
  }
  EXPECT_TRUE(store.apply(Delete("groups/a")).ok());
  EXPECT_FALSE(store.exists("projects/q/instances/i0"));
  EXPECT_EQ(store.text("projects/q/instances/i1"), "vpc: \"projects/q/vpcs/v\"");
  EXPECT_EQ(store.duties(), 0u);
}

TEST_P(LargeDeletes, CantBePartOfALargerWrite) {
  GivenManyRules(40);
  EXPECT_THAT(store.apply(Delete("projects/p"), Create("projects/q")),
              FailsWith(Reason::kTooManyOperations));
  EXPECT_FALSE(store.exists("projects/q"));
}

TEST_P(LargeDeletes, AreFinishedInTheBackgroundWhereReferencesSaySo) {
  HF_COVERS("S15", "S18", "R42");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("images/m"),
              Create("hosts/h"),
              Create("projects/p/instances/i", "vpc: 'projects/p/vpcs/v' image: 'images/m'"),
              Create("projects/p/instances/j", "vpc: 'projects/p/vpcs/v' host: 'hosts/h'"));
  EXPECT_TRUE(store.apply(Delete("images/m")).ok());
  EXPECT_TRUE(store.apply(Delete("hosts/h")).ok());
  EXPECT_FALSE(store.exists("images/m"));
  EXPECT_EQ(store.state("images/m"), RowState::kDeleting);
  EXPECT_THAT(store.apply(Create("images/m")), FailsWith(Reason::kNameBeingDeleted));
  EXPECT_TRUE(store.exists("projects/p/instances/j"));
  store.settle();
  EXPECT_EQ(store.state("images/m"), RowState::kGone);
  EXPECT_EQ(store.text("projects/p/instances/i"), "vpc: \"projects/p/vpcs/v\"");
  EXPECT_FALSE(store.exists("projects/p/instances/j"));
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_TRUE(store.apply(Create("images/m")).ok());
}

}  // namespace
}  // namespace holdfast::store
