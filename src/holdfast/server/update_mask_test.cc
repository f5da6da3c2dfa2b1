// An empty update mask once replaced the whole resource, and one that led into a repeated field
// replaced all of its elements (docs/postmortems.md).
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

TEST(UpdateMask, ThatIsEmptyMeansTheFieldsThatAreSet) {
  HF_COVERS("S24");
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"}, {"project", {{"display_name", "P"}, {"code", "c"}}}});
  const Json updated =
      server.must("ProjectService/UpdateProject",
                  {{"project", {{"name", "projects/p"}, {"code", "d"}}}, {"update_mask", ""}});
  EXPECT_EQ(updated.at("code"), "d");
  EXPECT_EQ(updated.at("display_name"), "P");
}

TEST(UpdateMask, ThatLeadsIntoARepeatedFieldIsRefusedAndChangesNothing) {
  TestServer server;
  server.given_project("p");
  server.must("ProjectService/UpdateProject",
              {{"project",
                {{"name", "projects/p"},
                 {"metadata", {{"owner_references", {{{"name", "a"}}, {{"name", "b"}}}}}}}},
               {"update_mask", "metadata.ownerReferences"}});
  const Json request = {
      {"project",
       {{"name", "projects/p"}, {"metadata", {{"owner_references", {{{"kind", "k"}}}}}}}},
      {"update_mask", "metadata.ownerReferences.kind"}};
  EXPECT_THAT(server.call("ProjectService/UpdateProject", request),
              Refuses(Reason::kInvalidMask, "update_mask"));
  const Json after = server.must("ProjectService/GetProject", {{"name", "projects/p"}});
  EXPECT_EQ(after.at("metadata").at("owner_references").size(), 2u);
}

}  // namespace
}  // namespace holdfast::server
