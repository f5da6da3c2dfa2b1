#include "holdfast/schema/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "holdfast/annotations.pb.h"
#include "holdfast/meta.pb.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/testing/covers.h"

namespace holdfast::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class TestSchema : public ::testing::Test {
 protected:
  const Kind& kind(const std::string& name) {
    const Kind* found = schema_->find_kind(KindName("test.example.com/" + name));
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }
  const Service& service() { return *schema_->services().at(0); }

  std::unique_ptr<Schema> schema_ = LoadTestSchema();
};

std::vector<std::string> NamesOf(const std::vector<const Kind*>& kinds) {
  std::vector<std::string> names;
  for (const Kind* kind : kinds) names.push_back(kind == nullptr ? "" : kind->message_name);
  return names;
}

TEST_F(TestSchema, KnowsItsServiceAndKinds) {
  ASSERT_EQ(schema_->services().size(), 1u);
  EXPECT_EQ(service().domain.str(), "test.example.com");
  EXPECT_EQ(service().version.str(), "v1");
  EXPECT_EQ(service().package, "test.v1");
  EXPECT_THAT(NamesOf(service().kinds),
              ElementsAre("Cluster", "Device", "Disk", "Event", "Folder", "Gateway", "Group",
                          "Host", "Image", "Instance", "Organization", "Project", "Rule", "Vpc"));
  EXPECT_EQ(schema_->find_service(ServiceDomain("test.example.com"), ApiVersion("v1")), &service());
  EXPECT_EQ(schema_->find_service(ServiceDomain("test.example.com"), ApiVersion("v2")), nullptr);
  EXPECT_EQ(schema_->find_kind(KindName("test.example.com/Nothing")), nullptr);
}

TEST_F(TestSchema, ReadsWhatIsWrittenAboutAKind) {
  const Kind& vpc = kind("Vpc");
  EXPECT_EQ(vpc.singular, "vpc");
  EXPECT_EQ(vpc.plural, "vpcs");
  EXPECT_EQ(vpc.service, &service());
  EXPECT_EQ(vpc.name_field->number(), 1);
  EXPECT_EQ(vpc.metadata_field->number(), 2);
  ASSERT_EQ(vpc.limits.size(), 1u);
  EXPECT_EQ(vpc.limits[0].per.str(), "test.example.com/Project");
  EXPECT_EQ(vpc.limits[0].default_max, 3);
  ASSERT_EQ(vpc.unique.size(), 1u);
  EXPECT_EQ(vpc.unique[0].path, "dns_name");
  EXPECT_EQ(vpc.unique[0].scope, UniqueRule::Scope::kParent);
  EXPECT_EQ(kind("Project").unique.at(0).scope, UniqueRule::Scope::kKind);
  EXPECT_THAT(kind("Project").search_fields, ElementsAre("display_name"));
  ASSERT_EQ(kind("Instance").indexes.size(), 2u);
  EXPECT_THAT(kind("Instance").indexes[1].paths, ElementsAre("cpus", "boot_time"));
  EXPECT_TRUE(kind("Cluster").async_deletion);
  EXPECT_TRUE(kind("Event").unconstrained);
}

TEST_F(TestSchema, FindsParentsAndChildren) {
  EXPECT_THAT(NamesOf(kind("Project").parents), ElementsAre(""));
  EXPECT_THAT(NamesOf(kind("Rule").parents), ElementsAre("Vpc"));
  EXPECT_THAT(NamesOf(kind("Folder").parents), ElementsAre("Project", "Organization"));
  EXPECT_THAT(NamesOf(kind("Device").parents), ElementsAre("Project"));
  // Without Event: it is unconstrained.
  EXPECT_THAT(NamesOf(kind("Project").children),
              ElementsAre("Cluster", "Device", "Disk", "Folder", "Gateway", "Instance", "Vpc"));
  EXPECT_THAT(NamesOf(kind("Organization").children), ElementsAre("Folder"));
  EXPECT_EQ(kind("Vpc").on_parent_deleted, ParentDeletion::kCascadeDelete);
  EXPECT_EQ(kind("Disk").on_parent_deleted, ParentDeletion::kBlock);
  EXPECT_EQ(kind("Cluster").on_parent_deleted, ParentDeletion::kAsyncCascadeDelete);
}

TEST_F(TestSchema, FindsReferencesInEveryPlaceAFieldCanBe) {
  std::vector<std::pair<std::string, OnDelete>> found;
  for (const ReferenceField& reference : kind("Instance").references) {
    found.emplace_back(reference.path, reference.on_delete);
  }
  EXPECT_THAT(
      found,
      ElementsAre(
          std::pair("vpc", OnDelete::kBlock), std::pair("gateway", OnDelete::kUnset),
          std::pair("group", OnDelete::kCascadeDelete), std::pair("image", OnDelete::kAsyncUnset),
          std::pair("host", OnDelete::kAsyncCascadeDelete),
          std::pair("last_seen_host", OnDelete::kAllowDangling),
          std::pair("disks[]", OnDelete::kUnset),
          std::pair("spec.routes[].gateway", OnDelete::kUnset),
          std::pair("labels_to_groups{}", OnDelete::kUnset),
          std::pair("mounts{}.disk", OnDelete::kBlock), std::pair("boot_image", OnDelete::kBlock),
          std::pair("boot_disk", OnDelete::kUnset), std::pair("peer", OnDelete::kUnset),
          std::pair("watched", OnDelete::kUnset)));
  const auto& references = kind("Instance").references;
  EXPECT_TRUE(references[0].required);
  EXPECT_FALSE(references[1].required);
  EXPECT_EQ(references[7].target.str(), "test.example.com/Gateway");
  EXPECT_TRUE(references[13].target.empty());
  ASSERT_EQ(references[7].steps.size(), 3u);
  EXPECT_EQ(references[7].steps[1].field->name(), "routes");
}

TEST_F(TestSchema, KnowsWhoMayReferToAKind) {
  std::vector<std::string> found;
  for (const Kind::Incoming& incoming : kind("Gateway").incoming) {
    found.push_back(incoming.from->message_name + "." +
                    incoming.from->references[incoming.reference].path);
  }
  EXPECT_THAT(found, UnorderedElementsAre("Instance.gateway", "Instance.spec.routes[].gateway",
                                          "Instance.watched", "Vpc.gateway"));
  EXPECT_THAT(kind("Event").incoming, IsEmpty());
  EXPECT_THAT(kind("Event").references, IsEmpty());
}

TEST_F(TestSchema, TellsWhichKindsNothingCanBlock) {
  EXPECT_FALSE(kind("Rule").can_be_blocked);
  EXPECT_FALSE(kind("Instance").can_be_blocked);
  EXPECT_FALSE(kind("Group").can_be_blocked) << "its cascade ends at Instance";
  EXPECT_TRUE(kind("Vpc").can_be_blocked);
  EXPECT_TRUE(kind("Image").can_be_blocked) << "by the field in the oneof";
  EXPECT_TRUE(kind("Project").can_be_blocked) << "by disks, and through its vpcs";
  EXPECT_TRUE(kind("Organization").can_be_blocked) << "through its folders";
}

TEST_F(TestSchema, FindsTheKindOfAName) {
  HF_COVERS("S26");
  auto kind_of = [&](const char* name) -> std::string {
    const Kind* found = schema_->find_kind_by_name(service(), ResourceName(name));
    return found == nullptr ? "" : found->message_name;
  };
  EXPECT_EQ(kind_of("projects/p1"), "Project");
  EXPECT_EQ(kind_of("projects/p1/vpcs/main"), "Vpc");
  EXPECT_EQ(kind_of("projects/p1/folders/f"), "Folder");
  EXPECT_EQ(kind_of("organizations/o/folders/f"), "Folder");
  EXPECT_EQ(kind_of("projects/p1/vpcs"), "");
  EXPECT_EQ(kind_of("projects/-/vpcs/main"), "");
  EXPECT_EQ(kind_of("planets/p1"), "");
  EXPECT_EQ(kind_of(""), "");
}

TEST_F(TestSchema, TellsTheParentOfAName) {
  auto parent_of = [&](const std::string& of, const char* name) -> std::string {
    const auto key = kind(of).parent_of(ResourceName(name));
    return key ? key->kind.str() + " " + key->name.str() : "";
  };
  EXPECT_EQ(parent_of("Folder", "organizations/o/folders/f"),
            "test.example.com/Organization organizations/o");
  EXPECT_EQ(parent_of("Device", "projects/p/regions/r/devices/d"),
            "test.example.com/Project projects/p");
  EXPECT_EQ(parent_of("Project", "projects/p"), "");
}

TEST_F(TestSchema, UsesGeneratedDescriptorsForBuiltInMessages) {
  EXPECT_EQ(kind("Vpc").metadata_field->message_type(), Meta::descriptor());
  EXPECT_EQ(schema_->pool().FindMessageTypeByName("holdfast.Meta"), Meta::descriptor());
}

TEST_F(TestSchema, MakesNestedMetadataOfTheGeneratedClass) {
  const Kind& vpc = kind("Vpc");
  const auto message = schema_->new_message(vpc.message);
  google::protobuf::Message* metadata =
      message->GetReflection()->MutableMessage(message.get(), vpc.metadata_field);
  auto* meta = dynamic_cast<Meta*>(metadata);
  ASSERT_NE(meta, nullptr);
  meta->set_generation(7);
  const auto copy = schema_->new_message(vpc.message);
  ASSERT_TRUE(copy->ParseFromString(message->SerializeAsString()));
  const auto& parsed = copy->GetReflection()->GetMessage(*copy, vpc.metadata_field);
  EXPECT_EQ(dynamic_cast<const Meta&>(parsed).generation(), 7);
  EXPECT_NE(dynamic_cast<Meta*>(schema_->new_message(Meta::descriptor()).get()), nullptr);
}

TEST_F(TestSchema, ListsEveryFileThatReflectionNeeds) {
  std::vector<std::string> names;
  for (const auto* file : schema_->files()) names.push_back(file->name());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const char* wanted : {"test.proto", "test/v1/holdfast_api.proto", "holdfast/meta.proto",
                             "google/api/http.proto", "google/protobuf/descriptor.proto"}) {
    EXPECT_THAT(names, ::testing::Contains(wanted));
  }
}

TEST(Load, SaysFileLineAndColumnOfASyntaxError) {
  std::vector<Diagnostic> findings;
  const auto schema = LoadTexts({{"a.proto", "syntax = \"proto3\";\nmessage {}\n"}}, &findings);
  ASSERT_EQ(schema.status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_FALSE(findings.empty());
  EXPECT_THAT(findings[0].str(), HasSubstr("a.proto:2:9: [syntax] Expected message name"));
  EXPECT_THAT(std::string(schema.status().message()), HasSubstr("a.proto:2:9"));
}

}  // namespace
}  // namespace holdfast::schema
