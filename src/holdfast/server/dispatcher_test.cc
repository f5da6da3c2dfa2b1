// Limits, deadlines, draining, metrics: what all methods have in common.
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

using ::testing::HasSubstr;

TEST(Dispatcher, FindsDerivedMethodsAndNoOthers) {
  HF_COVERS("B11");
  TestServer server;
  for (const schema::Method* method : TestServer::service().methods) {
    const MethodInfo* info = server.dispatcher().find(method->full_name);
    ASSERT_NE(info, nullptr) << method->full_name;
    EXPECT_EQ(info->request, method->request);
    EXPECT_EQ(info->server_streaming, method->server_streaming);
  }
  EXPECT_EQ(server.dispatcher().find("/test.v1.VpcService/Launch"), nullptr);
  EXPECT_EQ(server.dispatcher().find(""), nullptr);
}

TEST(Dispatcher, RefusesMoreCallsThanItsLimit) {
  TestServer server({.max_requests_in_flight = 0});
  const Answer answer = server.call("ProjectService/GetProject", {{"name", "projects/p"}});
  EXPECT_THAT(answer, FailsWith(Reason::kOverloaded));
  EXPECT_TRUE(DetailOf<google::rpc::RetryInfo>(answer.status).has_value());
}

TEST(Dispatcher, RefusesMoreStreamsThanItsLimit) {
  TestServer server({.max_streams = 1});
  Stream& first = server.stream("ProjectService/WatchProjects", Json::object());
  Stream& second = server.stream("ProjectService/WatchProjects", Json::object());
  EXPECT_FALSE(first.ended.has_value());
  EXPECT_EQ(ReasonOf(second.ended.value_or(absl::OkStatus())), Reason::kOverloaded);
  first.cancelled.set();
  server.env().run_until_idle();
  EXPECT_FALSE(server.stream("ProjectService/WatchProjects", Json::object()).ended.has_value());
}

TEST(Dispatcher, DoesNothingPastTheDeadline) {
  TestServer server;
  CallContext context;
  context.deadline = server.env().clock().monotonic();
  EXPECT_THAT(server.call("ProjectService/CreateProject",
                          {{"project_id", "p"}, {"project", Json::object()}}, context),
              FailsWith(Reason::kDeadlineExceeded));
  EXPECT_THAT(server.call("ProjectService/GetProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kResourceNotFound));
}

TEST(Dispatcher, EndsStreamsAtTheirDeadline) {
  TestServer server;
  const Duration deadline(server.env().clock().monotonic().value() + Seconds(60).value());
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object(), deadline);
  server.env().advance(Seconds(59));
  EXPECT_FALSE(stream.ended.has_value());
  server.env().advance(Seconds(1));
  server.env().run_until_idle();
  EXPECT_EQ(ReasonOf(stream.ended.value_or(absl::OkStatus())), Reason::kDeadlineExceeded);
}

TEST(Dispatcher, DrainsByEndingStreamsAndRefusingCalls) {
  TestServer server;
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  server.env().run(server.dispatcher().drain());
  EXPECT_EQ(ReasonOf(stream.ended.value_or(absl::OkStatus())), Reason::kShuttingDown);
  EXPECT_THAT(server.call("ProjectService/GetProject", {{"name", "projects/p"}}),
              FailsWith(Reason::kShuttingDown));
  Stream& late = server.stream("ProjectService/WatchProjects", Json::object());
  EXPECT_EQ(ReasonOf(late.ended.value_or(absl::OkStatus())), Reason::kShuttingDown);
}

TEST(Dispatcher, DrainWaitsForCallsUnderWay) {
  TestServer server;
  bool answered = false;
  Spawn(server.env(), [](TestServer& s, bool& done) -> Task<void> {
    auto request = s.request("ProjectService/CreateProject",
                             {{"project_id", "p"}, {"project", Json::object()}});
    CallContext context;
    const auto response = co_await s.dispatcher().call(s.method("ProjectService/CreateProject"),
                                                       context, std::move(request));
    done = response.ok();
  }(server, answered));
  ASSERT_TRUE(server.env().run_until([&server] {
    return server.dispatcher().metrics().text().find("holdfast_requests_in_flight 1") !=
           std::string::npos;
  }));
  server.env().run(server.dispatcher().drain());
  server.env().run_until_idle();
  EXPECT_TRUE(answered);
}

TEST(Dispatcher, CountsCallsByMethodAndOutcome) {
  TestServer server;
  server.given_project("p");
  (void)server.call("ProjectService/GetProject", {{"name", "projects/none"}});
  const std::string text = server.dispatcher().metrics().text();
  EXPECT_THAT(text, HasSubstr("holdfast_requests_total{method=\"/test.v1.ProjectService/"
                              "CreateProject\",code=\"OK\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_requests_total{method=\"/test.v1.ProjectService/"
                              "GetProject\",code=\"NOT_FOUND\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("holdfast_request_seconds_count{method=\"/test.v1.ProjectService/"
                              "GetProject\"} 1\n"));
}

TEST(Dispatcher, TellsEachCallToWhoeverLogs) {
  std::vector<std::string> calls;
  TestServer server({.on_call = [&calls](const CallRecord& call) {
    calls.push_back(absl::StrCat(call.method->full_name, " ", call.peer, " ",
                                 absl::StatusCodeToString(call.status.code())));
  }});
  CallContext context;
  context.peer = "someone";
  (void)server.call("ProjectService/GetProject", {{"name", "projects/p"}}, context);
  EXPECT_THAT(calls,
              ::testing::ElementsAre("/test.v1.ProjectService/GetProject someone NOT_FOUND"));
}

TEST(Fsck, ReadsWhatIsServed) {
  TestServer server;
  server.given_project("p");
  const Json report = server.must("holdfast.admin.v1.Admin/Fsck", Json::object());
  EXPECT_EQ(report.at("rows"), "1");
  EXPECT_FALSE(report.contains("findings"));
}

TEST(Metrics, AreInPrometheusText) {
  Metrics metrics;
  metrics.add_counter("b_total", "Bees.", {{"hive", "a\"b\\c\nd"}}).add(3);
  metrics.add_gauge("a", "An a.").set(-2);
  metrics.add_reader("c", "Read when asked.", {}, [] { return 7; });
  Histogram& histogram = metrics.add_histogram("d_seconds", "How long.");
  histogram.observe(Milliseconds(1));
  histogram.observe(Seconds(100));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP a An a.\n# TYPE a gauge\na -2\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE b_total counter\nb_total{hive=\"a\\\"b\\\\c\\nd\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("c 7\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"0.0005\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_sum 100.001\nd_seconds_count 2\n"));
}

TEST(Metrics, TheSameSeriesIsTheSameObject) {
  Metrics metrics;
  metrics.add_counter("n", "", {{"a", "b"}}).add();
  metrics.add_counter("n", "", {{"a", "b"}}).add();
  EXPECT_EQ(metrics.add_counter("n", "", {{"a", "b"}}).value(), 2);
}

}  // namespace
}  // namespace holdfast::server
