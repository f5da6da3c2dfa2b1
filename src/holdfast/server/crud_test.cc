// Get, BatchGet, List, Create, Update, Delete: what they do.
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

std::vector<std::string> Names(const Json& list) {
  std::vector<std::string> names;
  for (const Json& one : list) names.push_back(one.at("name"));
  return names;
}

TEST(Create, MakesTheNameOfParentAndId) {
  TestServer server;
  server.given_project("p");
  const Json vpc = server.given_vpc("p", "main", {{"name", "whatever"}, {"display_name", "Main"}});
  EXPECT_EQ(vpc.at("name"), "projects/p/vpcs/main");
  EXPECT_EQ(vpc.at("display_name"), "Main");
  EXPECT_EQ(vpc.at("metadata").at("resource_version"), "1");
}

TEST(Create, ChoosesThePatternByTheParent) {
  HF_COVERS("S26");
  TestServer server;
  server.must("OrganizationService/CreateOrganization",
              {{"organization_id", "o"}, {"organization", Json::object()}});
  const Json folder =
      server.must("FolderService/CreateFolder",
                  {{"parent", "organizations/o"}, {"folder_id", "f"}, {"folder", Json::object()}});
  EXPECT_EQ(folder.at("name"), "organizations/o/folders/f");
}

TEST(Create, OfANameThatIsTakenFails) {
  TestServer server;
  server.given_project("p");
  const Answer again = server.call("ProjectService/CreateProject",
                                   {{"project_id", "p"}, {"project", Json::object()}});
  EXPECT_THAT(again, FailsWith(Reason::kResourceExists));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(again.status)->resource_name(), "projects/p");
}

TEST(Create, WithoutItsParentFails) {
  TestServer server;
  EXPECT_THAT(server.call("VpcService/CreateVpc",
                          {{"parent", "projects/none"}, {"vpc_id", "v"}, {"vpc", Json::object()}}),
              FailsWith(Reason::kParentNotFound));
}

TEST(Create, WithValidateOnlyChecksAndChangesNothing) {
  TestServer server;
  const Json request = {{"project_id", "p"}, {"project", Json::object()}, {"validate_only", true}};
  const Answer answer = server.call("ProjectService/CreateProject", request);
  ASSERT_THAT(answer, Succeeds());
  EXPECT_EQ(answer["name"], "projects/p");
  EXPECT_THAT(server.call("ProjectService/GetProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kResourceNotFound));
  server.given_project("p");
  EXPECT_THAT(server.call("ProjectService/CreateProject", request),
              FailsWith(Reason::kResourceExists));
}

TEST(Create, WithARequestIdHappensOnce) {
  TestServer server;
  const Json request = {{"project_id", "p"}, {"project", Json::object()}, {"request_id", "once"}};
  const Json first = server.must("ProjectService/CreateProject", request);
  EXPECT_EQ(server.must("ProjectService/CreateProject", request), first);
  const Json other = {{"project_id", "q"}, {"project", Json::object()}, {"request_id", "once"}};
  EXPECT_THAT(server.call("ProjectService/CreateProject", other),
              FailsWith(Reason::kRequestIdReused));
}

TEST(Get, ReturnsWhatTheReadMaskNames) {
  HF_COVERS("S24");
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"}, {"project", {{"display_name", "P"}, {"code", "c"}}}});
  const Json masked = server.must("ProjectService/GetProject",
                                  {{"name", "projects/p"}, {"read_mask", "displayName"}});
  EXPECT_EQ(masked, Json({{"display_name", "P"}}));
}

TEST(BatchGet, ReturnsAllInTheOrderAskedAtOneRevision) {
  HF_COVERS("S24");
  TestServer server;
  for (const char* id : {"a", "b", "c"}) server.given_project(id);
  const Json found =
      server.must("ProjectService/BatchGetProjects", {{"names", {"projects/c", "projects/a"}}});
  EXPECT_THAT(Names(found.at("projects")), ElementsAre("projects/c", "projects/a"));
  EXPECT_FALSE(found.at("revision").get<std::string>().empty());
  const Answer missing =
      server.call("ProjectService/BatchGetProjects", {{"names", {"projects/a", "projects/none"}}});
  EXPECT_THAT(missing, FailsWith(Reason::kResourceNotFound));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(missing.status)->resource_name(), "projects/none");
}

TEST(BatchGet, KeepsToItsParent) {
  TestServer server;
  for (const char* id : {"p", "q"}) {
    server.given_project(id);
    server.given_vpc(id, "v");
  }
  const Json names = {"projects/p/vpcs/v", "projects/q/vpcs/v"};
  EXPECT_THAT(server.call("VpcService/BatchGetVpcs", {{"parent", "projects/p"}, {"names", names}}),
              Refuses(Reason::kInvalidName, "names[1]"));
  EXPECT_THAT(server.call("VpcService/BatchGetVpcs", {{"parent", "projects/-"}, {"names", names}}),
              Succeeds());
}

TEST(List, GoesThroughACollectionPageByPage) {
  HF_COVERS("S24", "S25");
  TestServer server;
  for (const char* id : {"a", "b", "c", "d", "e"}) server.given_project(id);
  std::vector<std::string> all;
  std::string token;
  int pages = 0;
  do {
    const Json page =
        server.must("ProjectService/ListProjects", {{"page_size", 2}, {"page_token", token}});
    for (const std::string& name : Names(page.at("projects"))) all.push_back(name);
    token = page.value("next_page_token", "");
    ++pages;
  } while (!token.empty());
  EXPECT_THAT(all,
              ElementsAre("projects/a", "projects/b", "projects/c", "projects/d", "projects/e"));
  EXPECT_EQ(pages, 3);
}

TEST(List, FiltersAndSorts) {
  HF_COVERS("S25");
  TestServer server;
  for (const auto& [id, name] : {std::pair("a", "x"), {"b", "y"}, {"c", "x"}}) {
    server.must("ProjectService/CreateProject",
                {{"project_id", id}, {"project", {{"display_name", name}}}});
  }
  const Json filtered =
      server.must("ProjectService/ListProjects", {{"filter", "display_name = \"x\""}});
  EXPECT_THAT(Names(filtered.at("projects")), ElementsAre("projects/a", "projects/c"));
  Json request = {{"order_by", "display_name desc, name desc"}, {"page_size", 2}};
  const Json first = server.must("ProjectService/ListProjects", request);
  EXPECT_THAT(Names(first.at("projects")), ElementsAre("projects/b", "projects/c"));
  request["page_token"] = first.at("next_page_token");
  const Json second = server.must("ProjectService/ListProjects", request);
  EXPECT_THAT(Names(second.at("projects")), ElementsAre("projects/a"));
}

TEST(List, TakesAWildcardParent) {
  HF_COVERS("S26");
  TestServer server;
  for (const char* id : {"p", "q"}) {
    server.given_project(id);
    server.given_vpc(id, "v");
  }
  const Json all = server.must("VpcService/ListVpcs", {{"parent", "projects/-"}});
  EXPECT_THAT(Names(all.at("vpcs")), ElementsAre("projects/p/vpcs/v", "projects/q/vpcs/v"));
}

TEST(List, CutsPagesThatClientsCouldNotTake) {
  TestServer server;
  const std::string large(1 << 20, 'x');
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    server.must("ProjectService/CreateProject",
                {{"project_id", id}, {"project", {{"display_name", large}}}});
  }
  const Json page = server.must("ProjectService/ListProjects", Json::object());
  EXPECT_THAT(page.at("projects"), SizeIs(3));
  const Json rest =
      server.must("ProjectService/ListProjects", {{"page_token", page.at("next_page_token")}});
  EXPECT_THAT(Names(rest.at("projects")), ElementsAre("projects/d", "projects/e"));
}

TEST(List, GoesOnInItsOrderBehindAPageThatWasCut) {
  TestServer server;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    server.must("ProjectService/CreateProject",
                {{"project_id", id},
                 {"project", {{"code", id}, {"display_name", std::string(1 << 20, 'x')}}}});
  }
  Json request = {{"order_by", "code desc"}};
  const Json page = server.must("ProjectService/ListProjects", request);
  EXPECT_THAT(Names(page.at("projects")), ElementsAre("projects/e", "projects/d", "projects/c"));
  request["page_token"] = page.at("next_page_token");
  const Json rest = server.must("ProjectService/ListProjects", request);
  EXPECT_THAT(Names(rest.at("projects")), ElementsAre("projects/b", "projects/a"));
}

TEST(List, LeavesOutWhatTheMaskDoesNotName) {
  HF_COVERS("S25");
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"}, {"project", {{"display_name", "x"}, {"code", "c"}}}});
  const auto list = [&server](const char* mask) {
    return server.must("ProjectService/ListProjects", {{"read_mask", mask}}).at("projects").at(0);
  };
  EXPECT_EQ(list("name,displayName"), Json({{"name", "projects/p"}, {"display_name", "x"}}));
  const Json part = list("code,metadata.resourceVersion");
  EXPECT_EQ(part, Json({{"code", "c"}, {"metadata", {{"resource_version", "1"}}}}));
  EXPECT_TRUE(list("*").contains("metadata"));
}

TEST(List, SaysWhatIsStoredDamaged) {
  TestServer server;
  server.given_project("p");
  auto snapshot = server.env().run(server.engine().snapshot());
  const ResourceKey key{.kind = KindName("test.example.com/Project"),
                        .name = ResourceName("projects/p")};
  auto rows = server.env().run((*snapshot)->get({key}, storage::Fields::kAll));
  storage::Row row = *(*rows)[0];
  const Version expected = row.version;
  row.version = Version(expected.value() + 1);
  row.body->pop_back();
  storage::Batch batch;
  batch.add(storage::UpdateRow{.row = row, .expected = expected});
  ASSERT_TRUE(server.env().run(server.engine().commit(std::move(batch))).ok());
  for (const char* mask : {"*", "name", "name,metadata.uid"}) {
    EXPECT_THAT(server.call("ProjectService/ListProjects", {{"read_mask", mask}}),
                FailsWith(Reason::kInternal))
        << mask;
  }
}

TEST(List, CapsThePageSize) {
  TestServer server;
  server.given_project("p");
  EXPECT_THAT(server.call("ProjectService/ListProjects", {{"page_size", 2147483647}}), Succeeds());
}

TEST(Update, ChangesWhatTheMaskNames) {
  HF_COVERS("S24");
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"}, {"project", {{"display_name", "P"}, {"code", "c"}}}});
  const Json updated = server.must(
      "ProjectService/UpdateProject",
      {{"project", {{"name", "projects/p"}, {"code", "d"}}}, {"update_mask", "code,displayName"}});
  EXPECT_EQ(updated.at("code"), "d");
  EXPECT_FALSE(updated.contains("display_name"));
  EXPECT_EQ(updated.at("metadata").at("resource_version"), "2");
}

TEST(Update, WithoutAMaskChangesTheFieldsThatAreSet) {
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"}, {"project", {{"display_name", "P"}, {"code", "c"}}}});
  const Json updated = server.must("ProjectService/UpdateProject",
                                   {{"project", {{"name", "projects/p"}, {"code", "d"}}}});
  EXPECT_EQ(updated.at("code"), "d");
  EXPECT_EQ(updated.at("display_name"), "P");
}

TEST(Update, WithoutAChangeMovesNoVersion) {
  TestServer server;
  server.given_project("p");
  const Json updated = server.must(
      "ProjectService/UpdateProject",
      {{"project", {{"name", "projects/p"}, {"display_name", ""}}}, {"update_mask", "*"}});
  EXPECT_EQ(updated.at("metadata").at("resource_version"), "1");
}

TEST(Update, ComparesTheEtag) {
  HF_COVERS("S24");
  TestServer server;
  server.given_project("p");
  const Json before = server.must("ProjectService/GetProject", {{"name", "projects/p"}});
  Json request = {{"project",
                   {{"name", "projects/p"},
                    {"display_name", "first"},
                    {"metadata", {{"etag", before.at("metadata").at("etag")}}}}},
                  {"update_mask", "displayName"}};
  server.must("ProjectService/UpdateProject", request);
  request["project"]["display_name"] = "second";
  EXPECT_THAT(server.call("ProjectService/UpdateProject", request),
              FailsWith(Reason::kEtagMismatch));
}

TEST(Update, CreatesWhatIsMissingIfAllowed) {
  HF_COVERS("S24");
  TestServer server;
  Json request = {{"project", {{"name", "projects/p"}, {"display_name", "P"}}}};
  EXPECT_THAT(server.call("ProjectService/UpdateProject", request),
              FailsWith(Reason::kResourceNotFound));
  request["allow_missing"] = true;
  EXPECT_EQ(server.must("ProjectService/UpdateProject", request).at("display_name"), "P");
}

TEST(Delete, TakesTheResourceAway) {
  TestServer server;
  server.given_project("p");
  server.must("ProjectService/DeleteProject", {{"name", "projects/p"}});
  EXPECT_THAT(server.call("ProjectService/GetProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kResourceNotFound));
  EXPECT_THAT(server.call("ProjectService/DeleteProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kResourceNotFound));
  EXPECT_THAT(server.call("ProjectService/DeleteProject",
                          {{"name", "projects/p"}, {"allow_missing", true}}),
              Succeeds());
}

TEST(Delete, ComparesTheEtag) {
  TestServer server;
  server.given_project("p");
  EXPECT_THAT(
      server.call("ProjectService/DeleteProject", {{"name", "projects/p"}, {"etag", "another"}}),
      FailsWith(Reason::kEtagMismatch));
}

TEST(Delete, IsRefusedWhileSomethingRefersToIt) {
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "v");
  server.given_gateway("p", "g", {{"vpc", "projects/p/vpcs/v"}});
  const Answer refused = server.call("VpcService/DeleteVpc", {{"name", "projects/p/vpcs/v"}});
  EXPECT_THAT(refused, FailsWith(Reason::kDeleteBlocked));
  const auto blockers = DetailOf<google::rpc::PreconditionFailure>(refused.status);
  ASSERT_TRUE(blockers.has_value());
  EXPECT_THAT(blockers->violations(0).subject(), ::testing::HasSubstr("projects/p/gateways/g"));
}

TEST(Delete, WithForceTakesChildrenThatWouldBlock) {
  TestServer server;
  server.given_project("p");
  server.must("DiskService/CreateDisk",
              {{"parent", "projects/p"}, {"disk_id", "d"}, {"disk", Json::object()}});
  const Json request = {{"name", "projects/p"}};
  EXPECT_THAT(server.call("ProjectService/DeleteProject", request),
              FailsWith(Reason::kDeleteBlocked));
  EXPECT_THAT(
      server.call("ProjectService/DeleteProject", {{"name", "projects/p"}, {"force", true}}),
      Succeeds());
}

TEST(Delete, WithAPlanDoesThatOrNothing) {
  HF_COVERS("B7");
  TestServer server;
  server.given_project("p");
  const Json plan = server.must("References/ExplainDelete", {{"name", "projects/p"}});
  server.given_vpc("p", "v");
  const Json request = {{"name", "projects/p"}, {"plan_digest", plan.at("plan_digest")}};
  EXPECT_THAT(server.call("ProjectService/DeleteProject", request),
              FailsWith(Reason::kPlanChanged));
  const Json now = server.must("References/ExplainDelete", {{"name", "projects/p"}});
  server.must("ProjectService/DeleteProject",
              {{"name", "projects/p"}, {"plan_digest", now.at("plan_digest")}});
}

TEST(Limits, AreErrorsWithTheQuota) {
  TestServer server;
  server.given_project("p");
  for (const char* id : {"a", "b", "c"}) server.given_vpc("p", id);
  const Answer full = server.call(
      "VpcService/CreateVpc", {{"parent", "projects/p"}, {"vpc_id", "d"}, {"vpc", Json::object()}});
  EXPECT_THAT(full, FailsWith(Reason::kLimitExceeded));
  EXPECT_TRUE(DetailOf<google::rpc::QuotaFailure>(full.status).has_value());
}

TEST(Unique, ValuesAreTakenOnce) {
  TestServer server;
  server.must("ProjectService/CreateProject", {{"project_id", "p"}, {"project", {{"code", "c"}}}});
  EXPECT_THAT(server.call("ProjectService/CreateProject",
                          {{"project_id", "q"}, {"project", {{"code", "c"}}}}),
              FailsWith(Reason::kFieldValueTaken));
}

TEST(Reference, MustBeThere) {
  TestServer server;
  server.given_project("p");
  EXPECT_THAT(
      server.call("VpcService/CreateVpc", {{"parent", "projects/p"},
                                           {"vpc_id", "v"},
                                           {"vpc", {{"gateway", "projects/p/gateways/none"}}}}),
      FailsWith(Reason::kReferenceNotFound));
}

}  // namespace
}  // namespace holdfast::server
