#include "holdfast/app/holdfast/creation_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/fake_client.h"
#include "holdfast/schema/testdata.h"

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class CreationOrderTest : public ::testing::Test {
 protected:
  FakeClient client_{schema::LoadTestSchema()};
  Catalog catalog_{client_};

  // The names, by batch.
  std::vector<std::vector<std::string>> order(std::string_view yaml, size_t size) {
    auto manifests = ParseManifests(yaml, "f.yaml", catalog_, client_);
    EXPECT_TRUE(manifests.ok()) << manifests.status();
    std::vector<std::vector<std::string>> names;
    for (const auto& batch : BatchesForCreation(*std::move(manifests), size)) {
      names.emplace_back();
      for (const Manifest& manifest : batch) names.back().push_back(manifest.name);
    }
    return names;
  }
};

TEST_F(CreationOrderTest, KeepsTheOrderOfTheFileWhereNothingDecides) {
  EXPECT_THAT(order("name: hosts/c\n---\nname: hosts/a\n---\nname: hosts/b\n", 1),
              ElementsAre(ElementsAre("hosts/c"), ElementsAre("hosts/a"), ElementsAre("hosts/b")));
}

TEST_F(CreationOrderTest, PutsParentsBeforeChildren) {
  EXPECT_THAT(order("name: projects/p/vpcs/v/rules/r\n---\n"
                    "name: projects/p/vpcs/v\n---\n"
                    "name: projects/p\n",
                    1),
              ElementsAre(ElementsAre("projects/p"), ElementsAre("projects/p/vpcs/v"),
                          ElementsAre("projects/p/vpcs/v/rules/r")));
}

TEST_F(CreationOrderTest, IsNotMisledByNamesThatBeginAlike) {
  EXPECT_THAT(order("name: hosts/ab\n---\nname: hosts/a\n", 1),
              ElementsAre(ElementsAre("hosts/ab"), ElementsAre("hosts/a")));
}

TEST_F(CreationOrderTest, PutsWhatIsReferredToFirstWhereverTheReferenceStands) {
  EXPECT_THAT(order("name: projects/p/instances/i\n"
                    "group: groups/g\n"
                    "disks: [projects/p/disks/d]\n"
                    "mounts: {a: {disk: projects/p/disks/e}}\n"
                    "labels_to_groups: {x: groups/h}\n"
                    "spec: {routes: [{gateway: projects/p/gateways/w}]}\n---\n"
                    "name: groups/g\n---\n"
                    "name: groups/h\n---\n"
                    "name: projects/p/disks/d\n---\n"
                    "name: projects/p/disks/e\n---\n"
                    "name: projects/p/gateways/w\n",
                    5),
              ElementsAre(UnorderedElementsAre("groups/g", "groups/h", "projects/p/disks/d",
                                               "projects/p/disks/e", "projects/p/gateways/w"),
                          ElementsAre("projects/p/instances/i")));
}

TEST_F(CreationOrderTest, KeepsACycleTogetherEvenIfThatIsMoreThanABatch) {
  EXPECT_THAT(order("name: hosts/before\n---\n"
                    "name: projects/p/vpcs/v\ngateway: projects/p/gateways/g\n---\n"
                    "name: projects/p/gateways/g\nvpc: projects/p/vpcs/v\n---\n"
                    "name: projects/p/instances/i\nvpc: projects/p/vpcs/v\n",
                    1),
              ElementsAre(ElementsAre("hosts/before"),
                          UnorderedElementsAre("projects/p/vpcs/v", "projects/p/gateways/g"),
                          ElementsAre("projects/p/instances/i")));
}

TEST_F(CreationOrderTest, TakesAReferenceToItselfAsNone) {
  EXPECT_THAT(order("name: projects/p/instances/i\npeer: projects/p/instances/i\n", 1),
              ElementsAre(ElementsAre("projects/p/instances/i")));
}

TEST_F(CreationOrderTest, FillsBatches) {
  std::string yaml;
  for (int i = 0; i < 1001; ++i) absl::StrAppend(&yaml, "---\nname: hosts/h", i, "\n");
  const auto batches = order(yaml, 500);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].size(), 500u);
  EXPECT_EQ(batches[2].size(), 1u);
}

TEST_F(CreationOrderTest, IsQuickAndDoesNotRecurseOnALongChain) {
  std::string yaml;
  for (int i = 0; i < 5000; ++i) {
    absl::StrAppend(&yaml, "---\nname: projects/p/instances/i", i, "\npeer: projects/p/instances/i",
                    i + 1, "\n");
  }
  const auto batches = order(yaml, 500);
  ASSERT_EQ(batches.size(), 10u);
  EXPECT_EQ(batches.front().front(), "projects/p/instances/i4999");
  EXPECT_EQ(batches.back().back(), "projects/p/instances/i0");
}

}  // namespace
}  // namespace holdfast::cli
