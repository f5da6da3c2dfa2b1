#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

TEST(Save, CreatesWhatWasAskedFor) {
  TestStore store;
  auto result = store.write(Request(Create("projects/p1", "display_name: 'One'")));
  ASSERT_TRUE(result.ok()) << result.status();
  const SharedMessage project = store.get("projects/p1");
  ASSERT_NE(project, nullptr);
  EXPECT_EQ(project->DebugString(), result->resources[0]->DebugString());
  EXPECT_EQ(FieldOf(*project, "name"), "projects/p1");
  EXPECT_EQ(MetaOf(*project).resource_version(), "1");
  EXPECT_EQ(MetaOf(*project).generation(), 1);
  EXPECT_EQ(MetaOf(*project).lifecycle().state(), Meta::ACTIVE);
  EXPECT_FALSE(MetaOf(*project).uid().empty());
  EXPECT_FALSE(MetaOf(*project).etag().empty());
}

TEST(Save, ConnectsReferencesThatAreCreatedTogetherInAnyOrder) {
  HF_COVERS("R37", "R38");
  TestStore store;
  store.given(Create("projects/p"));
  EXPECT_TRUE(store
                  .apply(Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"),
                         Create("projects/p/vpcs/v", "gateway: 'projects/p/gateways/g'"))
                  .ok());
  EXPECT_THAT(store.apply(Create("projects/p/gateways/h", "vpc: 'projects/p/vpcs/w'")),
              FailsWith(Reason::kReferenceNotFound));
}

}  // namespace
}  // namespace holdfast::store
