// Transact, ExplainDelete, ListReferrers.
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

Json Operations(std::vector<Json> operations) { return {{"operations", std::move(operations)}}; }

Json CreateVpc(const std::string& id, Json vpc = Json::object()) {
  return {{"create_vpc", {{"parent", "projects/p"}, {"vpc_id", id}, {"vpc", std::move(vpc)}}}};
}

TEST(Transact, DoesAllOfItAndAnswersEachOperation) {
  HF_COVERS("B6");
  TestServer server;
  server.given_project("gone");
  Json first = {{"create_project", {{"project_id", "p"}, {"project", Json::object()}}}};
  first["label"] = "the project";
  const Json done = server.must(
      "Transactions/Transact",
      Operations({first, CreateVpc("v"), {{"delete_project", {{"name", "projects/gone"}}}}}));
  const Json& results = done.at("results");
  ASSERT_EQ(results.size(), 3);
  EXPECT_EQ(results[0].at("label"), "the project");
  EXPECT_EQ(results[0].at("project").at("name"), "projects/p");
  EXPECT_EQ(results[1].at("vpc").at("name"), "projects/p/vpcs/v");
  EXPECT_TRUE(results[2].contains("deleted"));
  EXPECT_FALSE(done.at("revision").get<std::string>().empty());
}

TEST(Transact, DoesNothingIfOneOperationFailsAndSaysWhich) {
  HF_COVERS("B6");
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "taken");
  Json second = CreateVpc("taken");
  second["label"] = "second";
  const Answer failed =
      server.call("Transactions/Transact", Operations({CreateVpc("new"), second}));
  EXPECT_THAT(failed, FailsWith(Reason::kResourceExists));
  const auto info = DetailOf<google::rpc::ErrorInfo>(failed.status);
  EXPECT_EQ(info->metadata().at("operation_index"), "1");
  EXPECT_EQ(info->metadata().at("operation_label"), "second");
  EXPECT_THAT(server.call("VpcService/GetVpc", {{"name", "projects/p/vpcs/new"}}),
              FailsWith(Reason::kResourceNotFound));
}

TEST(Transact, SaysWhichOperationIsMalformed) {
  TestServer server;
  Json second = CreateVpc("");
  second["label"] = "second";
  const Answer failed =
      server.call("Transactions/Transact", Operations({CreateVpc("new"), second}));
  EXPECT_THAT(failed, Refuses(Reason::kInvalidField, "operations[1].create_vpc.vpc_id"));
  const auto info = DetailOf<google::rpc::ErrorInfo>(failed.status);
  EXPECT_EQ(info->metadata().at("operation_index"), "1");
  EXPECT_EQ(info->metadata().at("operation_label"), "second");
}

TEST(Transact, ConnectsResourcesThatReferToEachOther) {
  TestServer server;
  server.given_project("p");
  const Json gateway = {{"create_gateway",
                         {{"parent", "projects/p"},
                          {"gateway_id", "g"},
                          {"gateway", {{"vpc", "projects/p/vpcs/v"}}}}}};
  EXPECT_THAT(
      server.call("Transactions/Transact",
                  Operations({CreateVpc("v", {{"gateway", "projects/p/gateways/g"}}), gateway})),
      Succeeds());
}

TEST(Transact, HappensOnceWithARequestId) {
  TestServer server;
  server.given_project("p");
  Json request = Operations({CreateVpc("v")});
  request["request_id"] = "once";
  const Json first = server.must("Transactions/Transact", request);
  EXPECT_EQ(server.must("Transactions/Transact", request), first);
}

TEST(Transact, ValidatesOnlyIfAsked) {
  TestServer server;
  server.given_project("p");
  Json request = Operations({CreateVpc("v")});
  request["validate_only"] = true;
  EXPECT_THAT(server.call("Transactions/Transact", request), Succeeds());
  EXPECT_THAT(server.call("VpcService/GetVpc", {{"name", "projects/p/vpcs/v"}}),
              FailsWith(Reason::kResourceNotFound));
}

TEST(ExplainDelete, DrawsTheTreeWithoutChangingAnything) {
  HF_COVERS("B7");
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "v");
  const Json plan = server.must("References/ExplainDelete", {{"name", "projects/p"}});
  EXPECT_EQ(plan.at("deletable"), true);
  EXPECT_EQ(plan.at("deleted_count"), "2");
  EXPECT_EQ(plan.at("root").at("effect"), "DELETED");
  EXPECT_EQ(plan.at("root").at("children").at(0).at("name"), "projects/p/vpcs/v");
  EXPECT_FALSE(plan.at("plan_digest").get<std::string>().empty());
  EXPECT_THAT(server.call("VpcService/GetVpc", {{"name", "projects/p/vpcs/v"}}), Succeeds());
}

TEST(ExplainDelete, NamesWhatStandsAgainstIt) {
  HF_COVERS("B7");
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "v");
  server.given_gateway("p", "g", {{"vpc", "projects/p/vpcs/v"}});
  const Json plan = server.must("References/ExplainDelete", {{"name", "projects/p/vpcs/v"}});
  EXPECT_FALSE(plan.value("deletable", false));
  EXPECT_EQ(plan.at("blocker_count"), "1");
  const Json& blocker = plan.at("root").at("children").at(0);
  EXPECT_EQ(blocker.at("effect"), "BLOCKS");
  EXPECT_EQ(blocker.at("name"), "projects/p/gateways/g");
  EXPECT_EQ(blocker.at("field"), "vpc");
}

TEST(ExplainDelete, SaysThatAProtectedResourceStays) {
  TestServer server;
  server.must("ProjectService/CreateProject",
              {{"project_id", "p"},
               {"project", {{"metadata", {{"lifecycle", {{"block_deletion", true}}}}}}}});
  const Json plan = server.must("References/ExplainDelete", {{"name", "projects/p"}});
  EXPECT_FALSE(plan.value("deletable", false));
  EXPECT_EQ(plan.at("root").at("effect"), "PROTECTED");
  EXPECT_THAT(server.call("ProjectService/DeleteProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kDeletionProtected));
}

TEST(ExplainDelete, OfWhatIsNotThereFails) {
  TestServer server;
  EXPECT_THAT(server.call("References/ExplainDelete", {{"name", "projects/p"}}),
              FailsWith(Reason::kResourceNotFound));
}

TEST(ListReferrers, TellsAllPageByPageWithTheExactCount) {
  HF_COVERS("B8");
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "v");
  for (const char* id : {"a", "b", "c"}) {
    server.given_gateway("p", id, {{"vpc", "projects/p/vpcs/v"}});
  }
  const Json first =
      server.must("References/ListReferrers", {{"name", "projects/p/vpcs/v"}, {"page_size", 2}});
  EXPECT_EQ(first.at("total_size"), "3");
  ASSERT_EQ(first.at("referrers").size(), 2);
  EXPECT_EQ(first.at("referrers")[0], Json({{"kind", "test.example.com/Gateway"},
                                            {"name", "projects/p/gateways/a"},
                                            {"field", "vpc"},
                                            {"on_delete", "BLOCK"}}));
  const Json second =
      server.must("References/ListReferrers", {{"name", "projects/p/vpcs/v"},
                                               {"page_size", 2},
                                               {"page_token", first.at("next_page_token")}});
  ASSERT_EQ(second.at("referrers").size(), 1);
  EXPECT_EQ(second.at("referrers")[0].at("name"), "projects/p/gateways/c");
  EXPECT_FALSE(second.contains("next_page_token"));
}

}  // namespace
}  // namespace holdfast::server
