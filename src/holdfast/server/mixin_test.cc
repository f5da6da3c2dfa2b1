// The schema mixin, blended into the host service.
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

constexpr char kGet[] = "holdfast.mixin.v1.SchemaMixin/GetResourceShadow";
constexpr char kList[] = "holdfast.mixin.v1.SchemaMixin/ListResourceShadows";
constexpr char kWatch[] = "holdfast.mixin.v1.SchemaMixin/WatchResourceShadows";

TEST(Mixin, IsServedByEveryServiceWithoutADeploymentOfItsOwn) {
  HF_COVERS("R3", "R4");
  TestServer server;
  EXPECT_NE(server.dispatcher().find("/holdfast.mixin.v1.SchemaMixin/GetResourceShadow"), nullptr);
  server.given_project("p");
  // Through the host's service, or through the only one.
  EXPECT_THAT(server.call(kGet, {{"service", "test.example.com"},
                                 {"version", "v1"},
                                 {"name", "resourceShadows/projects/p"}}),
              Succeeds());
  EXPECT_THAT(server.call(kGet, {{"name", "resourceShadows/projects/p"}}), Succeeds());
}

TEST(Mixin, ShadowsAreTheHostsOwnRows) {
  HF_COVERS("R16", "R27", "R8");
  TestServer server;
  server.given_project("p");
  const Json vpc = server.given_vpc("p", "v");
  server.given_gateway("p", "g", {{"vpc", "projects/p/vpcs/v"}});
  const Json shadow = server.must(kGet, {{"name", "resourceShadows/projects/p/vpcs/v"}});
  EXPECT_EQ(shadow.at("kind"), "test.example.com/Vpc");
  EXPECT_EQ(shadow.at("uid"), vpc.at("metadata").at("uid"));
  EXPECT_EQ(shadow.at("resource_version"), "1");
  EXPECT_EQ(shadow.at("state"), "ACTIVE");
  EXPECT_EQ(shadow.at("back_reference_sources"), Json({"test.example.com/here"}));
  const Json gateway = server.must(kGet, {{"name", "resourceShadows/projects/p/gateways/g"}});
  EXPECT_EQ(gateway.at("references"), Json::array({{{"kind", "test.example.com/Vpc"},
                                                    {"name", "projects/p/vpcs/v"},
                                                    {"field", "vpc"},
                                                    {"on_delete", "BLOCK"}}}));
  EXPECT_FALSE(gateway.contains("back_reference_sources"));
}

TEST(Mixin, DoesNotCheckTheReferencesInItsShadows) {
  HF_COVERS("R5");
  TestServer server;
  server.given_project("p");
  server.given_vpc("p", "v");
  server.must("HostService/CreateHost", {{"host_id", "h"}, {"host", Json::object()}});
  server.must("InstanceService/CreateInstance",
              {{"parent", "projects/p"},
               {"instance_id", "i"},
               {"instance", {{"vpc", "projects/p/vpcs/v"}, {"last_seen_host", "hosts/h"}}}});
  // The shadow goes on naming a host that is gone, and nothing stands against that.
  server.must("HostService/DeleteHost", {{"name", "hosts/h"}});
  const Json shadow = server.must(kGet, {{"name", "resourceShadows/projects/p/instances/i"}});
  bool named = false;
  for (const Json& reference : shadow.at("references")) named |= reference.at("name") == "hosts/h";
  EXPECT_TRUE(named);
}

TEST(Mixin, ListsShadowsPageByPage) {
  HF_COVERS("R16");
  TestServer server;
  for (const char* id : {"a", "b", "c"}) server.given_project(id);
  server.given_vpc("a", "v");
  Json request = {{"page_size", 3}};
  const Json first = server.must(kList, request);
  EXPECT_EQ(first.at("resource_shadows").size(), 3);
  request["page_token"] = first.at("next_page_token");
  const Json second = server.must(kList, request);
  EXPECT_EQ(second.at("resource_shadows").size(), 1);
  const Json vpcs = server.must(kList, {{"kind", "test.example.com/Vpc"}});
  ASSERT_EQ(vpcs.at("resource_shadows").size(), 1);
  EXPECT_EQ(vpcs.at("resource_shadows")[0].at("name"), "resourceShadows/projects/a/vpcs/v");
}

TEST(Mixin, ListsWhatIsGoneIfAsked) {
  TestServer server;
  server.given_project("a");
  server.must("ProjectService/DeleteProject", {{"name", "projects/a"}});
  EXPECT_FALSE(server.must(kList, Json::object()).contains("resource_shadows"));
  const Json gone = server.must(kList, {{"show_deleted", true}});
  ASSERT_EQ(gone.at("resource_shadows").size(), 1);
  EXPECT_EQ(gone.at("resource_shadows")[0].at("state"), "GONE");
  EXPECT_TRUE(gone.at("resource_shadows")[0].contains("delete_time"));
}

TEST(Mixin, WatchesShadows) {
  HF_COVERS("R16");
  TestServer server;
  server.given_project("a");
  Stream& stream = server.stream(kWatch, Json::object());
  ASSERT_FALSE(stream.recorder.messages.empty());
  EXPECT_EQ(stream.recorder.messages[0].at("changes")[0].at("name"), "resourceShadows/projects/a");
  const std::string token = stream.recorder.messages.back().at("resume_token");
  stream.cancelled.set();
  server.env().run_until_idle();
  EXPECT_TRUE(stream.ended.has_value());
  server.must("ProjectService/DeleteProject", {{"name", "projects/a"}});
  Stream& resumed = server.stream(kWatch, {{"resume_token", token}});
  Json change;
  for (const Json& message : resumed.recorder.messages) {
    if (message.contains("changes")) change = message.at("changes")[0];
  }
  ASSERT_FALSE(change.is_null());
  EXPECT_EQ(change.at("state"), "GONE");
}

TEST(Mixin, HasNoShadowsOfUnconstrainedKinds) {
  TestServer server;
  server.given_project("p");
  Stream& stream = server.stream(kWatch, Json::object());
  server.must("EventService/CreateEvent",
              {{"parent", "projects/p"}, {"event_id", "e"}, {"event", Json::object()}});
  server.env().run_until_idle();
  EXPECT_THAT(server.call(kGet, {{"name", "resourceShadows/projects/p/events/e"}}),
              FailsWith(Reason::kResourceNotFound));
  for (const Json& message : stream.recorder.messages) {
    for (const Json& change : message.value("changes", Json::array())) {
      EXPECT_EQ(change.at("name"), "resourceShadows/projects/p");
    }
  }
}

}  // namespace
}  // namespace holdfast::server
