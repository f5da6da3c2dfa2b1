#include "holdfast/app/holdfast/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/app/holdfast/fake_client.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/testing/covers.h"

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOtherService[] = R"(
  syntax = "proto3";
  package other.v1;
  import "google/api/resource.proto";
  import "holdfast/annotations.proto";
  import "holdfast/meta.proto";
  option (holdfast.service) = { domain: "other.example.com" version: "v1" };
  message Image {
    option (google.api.resource) = {
      type: "other.example.com/Image" pattern: "images/{image}" plural: "images"
    };
    string name = 1;
    holdfast.Meta metadata = 2;
  }
)";

class CatalogTest : public ::testing::Test {
 protected:
  FakeClient client_{schema::LoadTestSchema()};
  Catalog catalog_{client_};

  std::string kind_of(std::string_view name) {
    const auto kind = catalog_.find_by_name(name);
    return kind.ok() ? (*kind)->name : std::string(kind.status().message());
  }
  std::string collection(std::string_view text) {
    const auto found = catalog_.find_collection(text);
    return found.ok() ? found->parent + " " + found->kind->message
                      : std::string(found.status().message());
  }
};

TEST_F(CatalogTest, FindsEveryKindWithAllItsMethods) {
  HF_COVERS("B11");
  EXPECT_EQ(catalog_.kinds().size(), 14u);
  const auto vpc = catalog_.find("test.example.com/Vpc");
  ASSERT_TRUE(vpc.ok()) << vpc.status();
  EXPECT_EQ((*vpc)->singular, "vpc");
  EXPECT_EQ((*vpc)->plural, "vpcs");
  EXPECT_EQ((*vpc)->package, "test.v1");
  EXPECT_EQ((*vpc)->type->full_name(), "test.v1.Vpc");
  EXPECT_EQ((*vpc)->method("Get")->name(), "GetVpc");
  EXPECT_EQ((*vpc)->method("List")->name(), "ListVpcs");
  EXPECT_EQ((*vpc)->method("Create")->name(), "CreateVpc");
  EXPECT_EQ((*vpc)->method("Update")->name(), "UpdateVpc");
  EXPECT_EQ((*vpc)->method("Delete")->name(), "DeleteVpc");
  EXPECT_EQ((*vpc)->method("Watch")->name(), "WatchVpc");
  EXPECT_EQ((*vpc)->method("WatchCollection")->name(), "WatchVpcs");
  EXPECT_EQ((*vpc)->method("Juggle"), nullptr);
}

TEST_F(CatalogTest, KnowsAKindByEachOfItsNames) {
  for (const char* word : {"Vpc", "vpc", "vpcs", "VPCS", "test.example.com/Vpc"}) {
    const auto kind = catalog_.find(word);
    ASSERT_TRUE(kind.ok()) << kind.status();
    EXPECT_EQ((*kind)->message, "Vpc");
  }
}

TEST_F(CatalogTest, SaysWhatThereIsWhenAWordMeansNothing) {
  const auto kind = catalog_.find("wombats");
  EXPECT_TRUE(absl::IsNotFound(kind.status()));
  EXPECT_THAT(kind.status().message(), HasSubstr("vpcs"));
}

TEST_F(CatalogTest, TellsTheKindFromAName) {
  EXPECT_EQ(kind_of("projects/p"), "test.example.com/Project");
  EXPECT_EQ(kind_of("projects/p/vpcs/v+1.0"), "test.example.com/Vpc");
  EXPECT_EQ(kind_of("organizations/o/folders/f"), "test.example.com/Folder");
  EXPECT_EQ(kind_of("projects/p/regions/r/devices/d"), "test.example.com/Device");
  EXPECT_THAT(kind_of("projects/p/wombats/w"), HasSubstr("has the form of no kind"));
  EXPECT_THAT(kind_of(""), HasSubstr("has the form of no kind"));
}

TEST_F(CatalogTest, TellsKindAndParentFromACollection) {
  EXPECT_EQ(collection("projects/p/vpcs"), "projects/p Vpc");
  EXPECT_EQ(collection("projects/a.b/vpcs"), "projects/a.b Vpc");
  EXPECT_EQ(collection("projects/-/vpcs/-/rules"), "projects/-/vpcs/- Rule");
  EXPECT_EQ(collection("organizations/o/folders"), "organizations/o Folder");
  EXPECT_THAT(collection("projects/p/wombats"), HasSubstr("no kind"));
}

TEST_F(CatalogTest, TakesAKindAloneForAllThereAre) {
  EXPECT_EQ(collection("vpcs"), "projects/- Vpc");
  EXPECT_EQ(collection("Rule"), "projects/-/vpcs/- Rule");
  EXPECT_EQ(collection("test.example.com/Device"), "projects/-/regions/- Device");
  EXPECT_EQ(collection("projects"), " Project");
}

TEST_F(CatalogTest, FindsChildrenThroughRegions) {
  const auto project = catalog_.find("Project");
  ASSERT_TRUE(project.ok());
  std::vector<std::string> children;
  for (const Catalog::Child& child : catalog_.children_of(**project)) {
    children.push_back(child.kind->message + child.between);
  }
  EXPECT_THAT(children, ElementsAre("Cluster", "Device/regions/-", "Disk", "Event", "Folder",
                                    "Gateway", "Instance", "Vpc"));
}

TEST(CatalogOfTwoServices, AsksWhichOfTwoIsMeant) {
  auto schema = schema::LoadTexts(
      {{"test.proto", std::string(schema::kTestProto)}, {"other.proto", kOtherService}});
  ASSERT_TRUE(schema.ok()) << schema.status();
  const FakeClient client(*std::move(schema));
  const Catalog catalog(client);
  const auto by_word = catalog.find("images");
  EXPECT_TRUE(absl::IsInvalidArgument(by_word.status()));
  EXPECT_THAT(by_word.status().message(),
              HasSubstr("other.example.com/Image or test.example.com/Image"));
  EXPECT_TRUE(absl::IsInvalidArgument(catalog.find_by_name("images/i").status()));
  EXPECT_TRUE(catalog.find("test.example.com/Image").ok());
}

TEST(SplitNameTest, TakesIdAndCollectionOff) {
  EXPECT_EQ(SplitName("projects/p/vpcs/v").parent, "projects/p");
  EXPECT_EQ(SplitName("projects/p/vpcs/v").id, "v");
  EXPECT_EQ(SplitName("projects/p").parent, "");
  EXPECT_EQ(SplitName("projects/p").id, "p");
  EXPECT_EQ(SplitName("projects/p/regions/r/devices/d").parent, "projects/p/regions/r");
}

}  // namespace
}  // namespace holdfast::cli
