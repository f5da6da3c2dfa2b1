// Deletions that are one batch.
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class Deletes : public OnEveryEngine {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Deletes, EveryEngine(), EngineName);

TEST_P(Deletes, IsRefusedWhileABlockingReferenceStands) {
  HF_COVERS("S15");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  const absl::Status status = store.apply(Delete("projects/p/vpcs/v"));
  EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
  EXPECT_TRUE(store.exists("projects/p/vpcs/v"));
  EXPECT_TRUE(store.apply(Delete("projects/p/gateways/g")).ok());
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok());
  EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
}

TEST_P(Deletes, OfBothEndsOfABlockingReferenceInOneWriteWorks) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v"), Delete("projects/p/gateways/g")).ok());
  EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
  EXPECT_FALSE(store.exists("projects/p/gateways/g"));
}

TEST_P(Deletes, ClearReferencesThatAreUnset) {
  HF_COVERS("S15", "S17", "R41");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/p/gateways/g"),
              Create("projects/p/gateways/h"), Create("projects/p/disks/d"),
              Create("projects/p/disks/e"), Create("groups/a"), Create("groups/b"),
              Create("projects/p/instances/j", "vpc: 'projects/p/vpcs/v'"),
              Create("projects/p/instances/i",
                     "vpc: 'projects/p/vpcs/v' gateway: 'projects/p/gateways/g'"
                     " disks: ['projects/p/disks/d', 'projects/p/disks/e', 'projects/p/disks/d']"
                     " spec { routes { prefix: 'x' gateway: 'projects/p/gateways/g' }"
                     "        routes { prefix: 'y' gateway: 'projects/p/gateways/h' } note: 'n' }"
                     " labels_to_groups { key: 'k' value: 'groups/a' }"
                     " labels_to_groups { key: 'l' value: 'groups/b' }"
                     " boot_disk: 'projects/p/disks/d' peer: 'projects/p/instances/j'"
                     " watched: 'groups/a'"));
  for (const char* gone :
       {"projects/p/gateways/g", "projects/p/disks/d", "groups/a", "projects/p/instances/j"}) {
    const absl::Status status = store.apply(Delete(gone));
    EXPECT_TRUE(status.ok()) << gone << ": " << status;
  }
  EXPECT_EQ(store.text("projects/p/instances/i"),
            "vpc: \"projects/p/vpcs/v\" disks: \"projects/p/disks/e\" "
            "spec { routes { prefix: \"x\" } "
            "routes { prefix: \"y\" gateway: \"projects/p/gateways/h\" } note: \"n\" } "
            "labels_to_groups { key: \"l\" value: \"groups/b\" }");
  EXPECT_EQ(MetaOf(*store.get("projects/p/instances/i")).resource_version(), "5");
}

TEST_P(Deletes, TakeWhatCascadesWithThem) {
  HF_COVERS("S15", "S16", "R41");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("groups/a"),
              Create("projects/p/vpcs/v/rules/r"),
              Create("projects/p/instances/i", "vpc: 'projects/p/vpcs/v' group: 'groups/a'"));
  EXPECT_TRUE(store.apply(Delete("groups/a")).ok());
  EXPECT_FALSE(store.exists("projects/p/instances/i"));
  EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
  for (const char* name : {"projects/p", "projects/p/vpcs/v", "projects/p/vpcs/v/rules/r"}) {
    EXPECT_FALSE(store.exists(name)) << name;
  }
}

TEST_P(Deletes, AreBlockedByChildrenThatSaySoUnlessForced) {
  HF_COVERS("S16");
  store.given(Create("projects/p"), Create("projects/p/disks/d"));
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kDeleteBlocked));
  EXPECT_TRUE(store.apply(Delete("projects/p", Force::kYes)).ok());
  EXPECT_FALSE(store.exists("projects/p/disks/d"));
}

TEST_P(Deletes, NameTheFirstBlockersAndCountThemAll) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 25; ++i) {
    store.given(Create(absl::StrCat("projects/p/gateways/g", i + 10), "vpc: 'projects/p/vpcs/v'"));
  }
  const absl::Status status = store.apply(Delete("projects/p/vpcs/v"));
  EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("25 references"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("projects/p/gateways/g10"));
}

TEST_P(Deletes, AreRefusedForWhatIsProtectedAnywhereInTheClosure) {
  store.given(
      Create("projects/p"), Create("projects/p/vpcs/v"),
      Create("projects/p/vpcs/v/rules/r", "metadata { lifecycle { block_deletion: true } }"));
  const absl::Status status = store.apply(Delete("projects/p"));
  EXPECT_THAT(status, FailsWith(Reason::kDeletionProtected));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("projects/p/vpcs/v/rules/r"));
}

TEST_P(Deletes, LeaveADanglingReferenceAloneWhereItIsAllowed) {
  HF_COVERS("S15");
  store.given(
      Create("projects/p"), Create("projects/p/vpcs/v"), Create("hosts/h"),
      Create("projects/p/instances/i", "vpc: 'projects/p/vpcs/v' last_seen_host: 'hosts/h'"));
  EXPECT_TRUE(store.apply(Delete("hosts/h")).ok());
  EXPECT_THAT(store.text("projects/p/instances/i"), ::testing::HasSubstr("last_seen_host"));
}

TEST_P(Deletes, CanBeMixedWithChangesThatLetGo) {
  HF_COVERS("B6");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/p/vpcs/w"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  EXPECT_TRUE(store
                  .apply(Delete("projects/p/vpcs/v"),
                         Update("projects/p/gateways/g", "vpc: 'projects/p/vpcs/w'", {"vpc"}),
                         Create("projects/p/vpcs/x"))
                  .ok());
  EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
  EXPECT_TRUE(store.exists("projects/p/vpcs/x"));
}

TEST_P(Deletes, MakeReferencesOfTheSameWriteFail) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  EXPECT_THAT(store.apply(Delete("projects/p/vpcs/v"),
                          Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'")),
              FailsWith(Reason::kReferenceNotFound));
  EXPECT_THAT(store.apply(Delete("projects/p"), Create("projects/p/gateways/g")),
              FailsWith(Reason::kParentNotFound));
  EXPECT_TRUE(store.exists("projects/p/vpcs/v"));
}

TEST_P(Deletes, SayThatWhatIsAbsentIsAbsent) {
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kResourceNotFound));
  WriteOp content = Delete("projects/p");
  content.allow_missing = AllowMissing::kYes;
  EXPECT_TRUE(store.apply(std::move(content)).ok());
}

TEST_P(Deletes, FreeNamesUniqueValuesAndLimits) {
  HF_COVERS("T6");
  store.given(Create("projects/p", "code: 'c'"), Create("projects/p/vpcs/a", "dns_name: 'd'"),
              Create("projects/p/vpcs/b"), Create("projects/p/vpcs/c"));
  EXPECT_THAT(store.apply(Create("projects/p/vpcs/e")), FailsWith(Reason::kLimitExceeded));
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/a")).ok());
  EXPECT_TRUE(store.apply(Create("projects/p/vpcs/a", "dns_name: 'd'")).ok());
  const std::string uid = MetaOf(*store.get("projects/p")).uid();
  EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
  EXPECT_TRUE(store.apply(Create("projects/p", "code: 'c'")).ok());
  EXPECT_NE(MetaOf(*store.get("projects/p")).uid(), uid);
  store.given(Create("projects/p/vpcs/1"), Create("projects/p/vpcs/2"),
              Create("projects/p/vpcs/3"));
}

TEST_P(Deletes, ChangeNothingWhenOnlyValidated) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  const Revision before = store.revision();
  WriteRequest request = Request(Delete("projects/p"));
  request.mode = WriteMode::kValidateOnly;
  EXPECT_TRUE(store.apply(std::move(request)).ok());
  EXPECT_TRUE(store.exists("projects/p"));
  EXPECT_EQ(store.revision(), before);
}

TEST_P(Deletes, BlameTheOperationThatSomethingStandsAgainst) {
  HF_COVERS("B6");
  store.given(Create("projects/p"), Create("projects/p/vpcs/free"), Create("projects/p/vpcs/used"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/used'"));
  const absl::Status status = store.apply(Create("hosts/h"), Delete("projects/p/vpcs/free"),
                                          Delete("projects/p/vpcs/used"));
  EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("operation 2: test.example.com/Vpc projects/p/vpcs/used can't"));
  EXPECT_FALSE(store.exists("hosts/h"));
  EXPECT_TRUE(store.exists("projects/p/vpcs/free"));
}

}  // namespace
}  // namespace holdfast::store
