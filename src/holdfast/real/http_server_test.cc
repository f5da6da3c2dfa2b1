#include "holdfast/real/http_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/real/http_fake_dispatcher.h"
#include "holdfast/real/http_wire_for_test.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/testing/covers.h"

namespace holdfast::real {
namespace {

using Json = nlohmann::json;

class HttpServerTest : public ::testing::Test {
 public:
  ~HttpServerTest() override { stop(); }

  void start() {
    absl::StatusOr<std::unique_ptr<HttpServer>> started =
        HttpServer::Start(env_, dispatcher_, options_);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  void stop(Duration at_most = Seconds(10)) {
    if (server_ != nullptr) env_.run(server_->stop(at_most));
    server_ = nullptr;
  }
  [[nodiscard]] const std::string& address() const { return server_->address(); }

  static void wait(RealEnv& env, OneShot event) { env.run(Wait(std::move(event))); }
  static Task<void> Wait(OneShot event) { co_await event.wait(); }

  // "MALFORMED_REQUEST body", the reason and field of an error.
  static std::string Refusal(const WireResponse& response) {
    const Json error = Json::parse(response.body).at("error");
    EXPECT_EQ(error.at("code"), response.code);
    std::string out = error.at("details").at(0).at("reason");
    for (const Json& detail : error.at("details")) {
      if (detail.contains("fieldViolations")) {
        out += " " + detail.at("fieldViolations").at(0).at("field").get<std::string>();
      }
    }
    return out;
  }

  FakeDispatcher dispatcher_;
  RealEnv env_;
  HttpOptions options_;
  std::unique_ptr<HttpServer> server_;
};

// ------------------------------------------------------------------------------- Unary requests

TEST_F(HttpServerTest, AnswersOneRequestAfterAnotherOnOneConnection) {
  HF_COVERS("B11");
  dispatcher_.on_call = [](const server::MethodInfo& method, server::CallContext,
                           MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
    MessagePtr response = TestSchema().new_message(method.response);
    response->GetReflection()->SetString(response.get(),
                                         method.response->FindFieldByName("display_name"), "ä");
    co_return response;
  };
  start();
  Wire wire(address());
  for (int i = 0; i < 3; ++i) {
    const WireResponse got = wire.ask("GET", "/v1/images/i?readMask=displayName");
    EXPECT_EQ(got.code, 200);
    EXPECT_EQ(got.body, R"({"displayName":"ä"})");
    EXPECT_EQ(got.header("Content-Type"), "application/json; charset=utf-8");
    EXPECT_EQ(got.header("Connection"), "");
  }
  wire.request("POST", "/v1/images?imageId=x", R"({"displayName": "d"})");
  ASSERT_EQ(wire.response().code, 200);
  EXPECT_EQ(dispatcher_.calls().back(),
            R"(/test.v1.ImageService/CreateImage image_id: "x" image { display_name: "d" })");
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  Wire wire(address());
  wire.send("GET /v1/images/a HTTP/1.1\r\nHost: t\r\n\r\nGET /v1/nope HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(wire.response().code, 200);
  EXPECT_EQ(wire.response().code, 404);
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  start();
  Wire wire(address());
  const WireResponse got = wire.ask("GET", "/v1/images/a", "", "Connection: close\r\n");
  EXPECT_EQ(got.header("Connection"), "close");
  EXPECT_TRUE(wire.ended());
  Wire old(address());
  old.send("GET /v1/images/a HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.response().code, 200);
  EXPECT_TRUE(old.ended());
}

TEST_F(HttpServerTest, ShowsErrorsAsJsonWithTheirHttpCode) {
  HF_COVERS("B6");
  dispatcher_.on_call = [](const server::MethodInfo&, server::CallContext,
                           MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
    co_return MakeError(Reason::kOverloaded, "too much", {.retry_after = Seconds(3)});
  };
  start();
  Wire wire(address());
  const WireResponse got = wire.ask("GET", "/v1/images/i");
  EXPECT_EQ(got.code, 429);
  EXPECT_EQ(Refusal(got), "OVERLOADED");
  EXPECT_EQ(got.header("Retry-After"), "3");
  const WireResponse wrong = wire.ask("PUT", "/v1/images/i");
  EXPECT_EQ(wrong.code, 405);
  EXPECT_EQ(wrong.header("Allow"), "DELETE, GET, HEAD, PATCH");
  const WireResponse field = wire.ask("GET", "/v1/images?pageSize=x");
  EXPECT_EQ(field.code, 400);
  EXPECT_EQ(Refusal(field), "INVALID_FIELD pageSize");
  EXPECT_EQ(wire.ask("GET", "/v1/images/i%").code, 400);
}

TEST_F(HttpServerTest, SendsNoBodyForHead) {
  start();
  Wire wire(address());
  const WireResponse head = wire.ask("HEAD", "/v1/images/i");
  EXPECT_EQ(head.code, 200);
  EXPECT_EQ(head.header("Content-Length"), "2");
  EXPECT_EQ(wire.ask("HEAD", "/v1/nope").code, 404);
  EXPECT_EQ(wire.ask("HEAD", "/v1/images:watch").code, 200);
  EXPECT_EQ(wire.ask("GET", "/v1/images/i").body, "{}") << "nothing was left over";
}

TEST_F(HttpServerTest, TakesChunkedBodiesAndSaysContinue) {
  start();
  Wire wire(address());
  wire.send(
      "POST /v1/images HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("11\r\n{\"displayName\": \"\r\n3\r\nx\"}\r\n0\r\n\r\n");
  ASSERT_EQ(wire.response().code, 200);
  EXPECT_EQ(dispatcher_.calls().back(),
            R"(/test.v1.ImageService/CreateImage image { display_name: "x" })");
}

TEST_F(HttpServerTest, TellsTheCallWhoCalls) {
  std::string peer;
  std::string trace;
  dispatcher_.on_call = [&](const server::MethodInfo& method, server::CallContext context,
                            MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
    peer = context.peer;
    trace = context.trace_id;
    co_return TestSchema().new_message(method.response);
  };
  start();
  Wire wire(address());
  wire.ask("GET", "/v1/images/i", "", "traceparent: 00-abc-def-01\r\n");
  EXPECT_EQ(peer, absl::StrCat("127.0.0.1:", wire.port()));
  EXPECT_EQ(trace, "00-abc-def-01");
}

TEST_F(HttpServerTest, AnswersOperatorsByItself) {
  options_.openapi = R"({"openapi":"3.0.3"})";
  std::atomic<bool> ready = false;
  options_.ready = [&ready]() -> absl::Status {
    return ready ? absl::OkStatus() : absl::UnavailableError("still loading");
  };
  start();
  Wire wire(address());
  EXPECT_EQ(wire.ask("GET", "/openapi.json").body, R"({"openapi":"3.0.3"})");
  EXPECT_EQ(wire.ask("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(wire.ask("GET", "/readyz").code, 503);
  ready = true;
  EXPECT_EQ(wire.ask("GET", "/readyz?verbose").code, 200);
  EXPECT_EQ(wire.ask("POST", "/healthz").code, 405);
  EXPECT_EQ(wire.ask("HEAD", "/metrics").code, 200);
  const WireResponse metrics = wire.ask("GET", "/metrics");
  EXPECT_NE(metrics.body.find("holdfast_http_connections 1"), std::string::npos) << metrics.body;
  EXPECT_NE(metrics.body.find("holdfast_http_responses_total{code=\"5xx\"} 1"), std::string::npos);
}

TEST_F(HttpServerTest, ServesManyConnectionsAtOnce) {
  start();
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([this, &good] {
      Wire wire(address());
      for (int j = 0; j < 200; ++j) good += wire.ask("GET", "/v1/images/i").code == 200 ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 1600);
}

// ------------------------------------------------------------------------------------- Limits

TEST_F(HttpServerTest, RefusesWhatIsTooLarge) {
  HF_COVERS("S24");
  options_.limits.max_target_bytes = 1000;
  options_.limits.max_header_bytes = 500;
  options_.limits.max_all_headers_bytes = 2000;
  options_.limits.max_body_bytes = 10'000;
  start();
  const auto refused = [this](const std::string& target, const std::string& headers,
                              const std::string& body) {
    Wire wire(address());
    const WireResponse got = wire.ask("POST", target, body, headers);
    EXPECT_EQ(got.header("Connection"), "close");
    EXPECT_TRUE(wire.ended());
    return absl::StrCat(got.code, " ", Refusal(got));
  };
  EXPECT_EQ(refused("/v1/" + std::string(1000, 'x'), "", ""), "414 MALFORMED_REQUEST path");
  EXPECT_EQ(refused("/v1/images", "Cookie: " + std::string(500, 'x') + "\r\n", ""),
            "431 MALFORMED_REQUEST Cookie");
  std::string many;
  for (int i = 0; i < 6; ++i) absl::StrAppend(&many, "X-", i, ": ", std::string(400, 'x'), "\r\n");
  EXPECT_EQ(refused("/v1/images", many, "").substr(0, 21), "431 MALFORMED_REQUEST");
  EXPECT_EQ(refused("/v1/images", "Y: " + std::string(100'000, 'x') + "\r\n", ""),
            "431 MALFORMED_REQUEST headers");
  EXPECT_EQ(refused("/v1/images", "", std::string(10'001, ' ')), "413 MALFORMED_REQUEST body");
  EXPECT_EQ(refused("/v1/images", "", std::string(1'000'000, ' ')), "413 MALFORMED_REQUEST body");
  Wire wire(address());
  EXPECT_EQ(wire.ask("POST", "/v1/images", std::string(10'000, ' ')).code, 200);
}

TEST_F(HttpServerTest, CountsChunkedBodiesToo) {
  options_.limits.max_body_bytes = 100;
  start();
  Wire wire(address());
  wire.send("POST /v1/images HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  wire.send("60\r\n" + std::string(96, ' ') + "\r\n60\r\n" + std::string(96, ' ') + "\r\n");
  EXPECT_EQ(wire.response().code, 413);
}

TEST_F(HttpServerTest, BoundsWhatAllBodiesTakeTogether) {
  options_.limits.max_buffered_bytes = 1000;
  start();
  Wire first(address());
  first.send(
      "POST /v1/images HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
      "Content-Length: 902\r\nExpect: 100-continue\r\n\r\n");
  first.until("\r\n\r\n");
  Wire second(address());
  const WireResponse refused = second.ask("POST", "/v1/images", std::string(1001, ' '));
  EXPECT_EQ(refused.code, 429);
  EXPECT_EQ(Refusal(refused), "OVERLOADED");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  first.send("{}" + std::string(900, ' '));
  EXPECT_EQ(first.response().code, 200) << "who announced holds nothing, and is served";
  Wire third(address());
  EXPECT_EQ(third.ask("POST", "/v1/images", "{}" + std::string(900, ' ')).code, 200)
      << "all was given back";
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  start();
  const auto refused = [this](const std::string& text) {
    Wire wire(address());
    wire.send(text);
    const WireResponse got = wire.response();
    EXPECT_TRUE(wire.ended());
    return absl::StrCat(got.code, " ", got.code == 0 ? "" : Refusal(got));
  };
  EXPECT_EQ(refused("nonsense\r\n\r\n"), "400 MALFORMED_REQUEST request");
  EXPECT_EQ(refused("GET /a b HTTP/1.1\r\n\r\n"), "400 MALFORMED_REQUEST request");
  EXPECT_EQ(refused(std::string("\x16\x03\x01\x02\x00\x01", 6) + "\r\n\r\n"),
            "400 MALFORMED_REQUEST request");
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"),
            "400 MALFORMED_REQUEST request");
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n"),
            "400 MALFORMED_REQUEST request");
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), "400 MALFORMED_REQUEST Host");
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            "400 MALFORMED_REQUEST Transfer-Encoding");
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n"),
            "415 MALFORMED_REQUEST Content-Encoding");
}

TEST_F(HttpServerTest, ClosesOnClientsThatTakeTooLong) {
  options_.limits.header_timeout = Milliseconds(30);
  options_.limits.body_timeout = Milliseconds(30);
  options_.limits.idle_timeout = Milliseconds(30);
  start();
  Wire idle(address());
  EXPECT_TRUE(idle.ended());
  Wire header(address());
  header.send("GET /v1/images HTTP/1.1\r\nHos");
  EXPECT_TRUE(header.ended());
  Wire body(address());
  body.send("POST /v1/images HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_TRUE(body.ended());
}

// The whole header must come in time, however steadily its bytes do.
TEST_F(HttpServerTest, GivesNoTimeForEachByte) {
  options_.limits.header_timeout = Milliseconds(30);
  start();
  Wire wire(address());
  wire.send("GET / HTTP/1.1\r\n");
  while (wire.send("A: b\r\n")) continue;
  EXPECT_TRUE(dispatcher_.calls().empty());
}

TEST_F(HttpServerTest, TurnsConnectionsBeyondTheLimitAway) {
  options_.limits.max_connections = 1;
  start();
  Wire first(address());
  ASSERT_EQ(first.ask("GET", "/healthz").code, 200);
  Wire second(address());
  const WireResponse refused = second.ask("GET", "/v1/images");
  EXPECT_EQ(refused.code, 503);
  EXPECT_EQ(Refusal(refused), "OVERLOADED");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_TRUE(second.ended());
  EXPECT_EQ(first.ask("GET", "/v1/images/i").code, 200);
}

// ------------------------------------------------------------------------ Calls that last longer

// Waits until the call is cancelled, and tells when it began and ended.
struct LastingCall {
  OneShot begun;
  OneShot ended;

  FakeDispatcher::Call call() {
    return [this](const server::MethodInfo&, server::CallContext context,
                  MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
      begun.set();
      co_await context.cancelled.wait();
      ended.set();
      co_return MakeError(Reason::kCancelled, "cancelled");
    };
  }
  FakeDispatcher::Stream stream() {
    return [this](const server::MethodInfo& method, server::CallContext context,
                  server::ResponseStream& responses) -> Task<absl::Status> {
      const MessagePtr message = TestSchema().new_message(method.response);
      const absl::Status written = co_await responses.write(*message);
      if (!written.ok()) co_return written;
      begun.set();
      co_await context.cancelled.wait();
      ended.set();
      co_return MakeError(Reason::kCancelled, "cancelled");
    };
  }
};

TEST_F(HttpServerTest, CancelsTheCallWhenTheClientGoes) {
  LastingCall lasting;
  dispatcher_.on_call = lasting.call();
  start();
  Wire wire(address());
  wire.request("GET", "/v1/images/i");
  wait(env_, lasting.begun);
  EXPECT_FALSE(lasting.ended.is_set());
  wire.close();
  wait(env_, lasting.ended);
}

TEST_F(HttpServerTest, KeepsTheCallOfAClientThatSendsTheNextRequestEarly) {
  LastingCall lasting;
  OneShot go_on;
  dispatcher_.on_call = [&](const server::MethodInfo& method, server::CallContext context,
                            MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
    lasting.begun.set();
    co_await go_on.wait();
    if (context.cancelled.is_set()) co_return MakeError(Reason::kCancelled, "cancelled");
    co_return TestSchema().new_message(method.response);
  };
  start();
  Wire wire(address());
  wire.request("GET", "/v1/images/i");
  wait(env_, lasting.begun);
  wire.request("GET", "/healthz");
  go_on.set();
  EXPECT_EQ(wire.response().code, 200);
  EXPECT_EQ(wire.response().body, "ok\n");
}

TEST_F(HttpServerTest, EndsTheCallWhenItsTimeIsUp) {
  LastingCall lasting;
  dispatcher_.on_call = lasting.call();
  start();
  Wire wire(address());
  const WireResponse late = wire.ask("GET", "/v1/images/i", "", "Request-Timeout: 0.02\r\n");
  EXPECT_EQ(late.code, 504);
  EXPECT_EQ(Refusal(late), "DEADLINE_EXCEEDED");
  EXPECT_TRUE(lasting.ended.is_set());
  for (const char* wrong : {"x", "", "0", "-1", "nan", "inf", "1 s"}) {
    const WireResponse got =
        wire.ask("GET", "/v1/images/i", "", absl::StrCat("Request-Timeout: ", wrong, "\r\n"));
    EXPECT_EQ(got.code, 400) << wrong;
    EXPECT_EQ(Refusal(got), "INVALID_FIELD Request-Timeout");
  }
}

// ------------------------------------------------------------------------------------- Streams

TEST_F(HttpServerTest, StreamsALineAMessage) {
  HF_COVERS("S27");
  dispatcher_.on_stream = [](const server::MethodInfo& method, server::CallContext,
                             server::ResponseStream& responses) -> Task<absl::Status> {
    for (int i = 0; i < 3; ++i) {
      const MessagePtr message = TestSchema().new_message(method.response);
      message->GetReflection()->SetString(
          message.get(), method.response->FindFieldByName("resume_token"), absl::StrCat("t", i));
      const absl::Status written = co_await responses.write(*message);
      if (!written.ok()) co_return written;
    }
    co_return MakeError(Reason::kShuttingDown, "stops");
  };
  start();
  Wire wire(address());
  const WireResponse head = wire.ask("GET", "/v1/images:watch");
  EXPECT_EQ(head.code, 200);
  EXPECT_EQ(head.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(head.header("Content-Type"), "application/x-ndjson; charset=utf-8");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wire.chunk(), absl::StrCat(R"({"result":{"resumeToken":"t)", i, "\"}}\n"));
  }
  const Json last = Json::parse(wire.chunk());
  EXPECT_EQ(last.at("error").at("status"), "UNAVAILABLE");
  EXPECT_EQ(wire.chunk(), "");
  EXPECT_TRUE(wire.ended());
  Wire old(address());
  old.send("GET /v1/images:watch HTTP/1.0\r\n\r\n");
  old.until("\r\n\r\n");
  EXPECT_EQ(old.until("\n"), "{\"result\":{\"resumeToken\":\"t0\"}}\n") << "no chunks in HTTP/1.0";
}

TEST_F(HttpServerTest, AnswersStreamsThatFailAtOnceWithTheirCode) {
  dispatcher_.on_stream = [](const server::MethodInfo&, server::CallContext,
                             server::ResponseStream&) -> Task<absl::Status> {
    co_return MakeError(Reason::kParentNotFound, "no parent");
  };
  start();
  Wire wire(address());
  const WireResponse got = wire.ask("GET", "/v1/projects/p/vpcs:watch");
  EXPECT_EQ(got.code, 404);
  EXPECT_EQ(Refusal(got), "PARENT_NOT_FOUND");
}

TEST_F(HttpServerTest, EndsEmptyStreamsWell) {
  dispatcher_.on_stream = [](const server::MethodInfo&, server::CallContext,
                             server::ResponseStream&) -> Task<absl::Status> {
    co_return absl::OkStatus();
  };
  start();
  Wire wire(address());
  EXPECT_EQ(wire.ask("GET", "/v1/images:watch").code, 200);
  EXPECT_EQ(wire.chunk(), "");
  EXPECT_TRUE(wire.ended());
}

TEST_F(HttpServerTest, EndsTheStreamOfAClientThatHasGone) {
  LastingCall lasting;
  dispatcher_.on_stream = lasting.stream();
  start();
  Wire wire(address());
  EXPECT_EQ(wire.ask("GET", "/v1/images:watch").code, 200);
  EXPECT_EQ(wire.chunk(), "{\"result\":{}}\n");
  wait(env_, lasting.begun);
  EXPECT_FALSE(lasting.ended.is_set());
  wire.close();
  wait(env_, lasting.ended);
}

// Never more under way than sockets hold: the stream waits for its reader, and then gives up.
TEST_F(HttpServerTest, WaitsForSlowReadersAndThenLetsThemGo) {
  HF_COVERS("S27");
  options_.limits.write_timeout = Milliseconds(100);
  std::atomic<int> written = 0;
  OneShot ended;
  absl::Status result;
  dispatcher_.on_stream = [&](const server::MethodInfo& method, server::CallContext,
                              server::ResponseStream& responses) -> Task<absl::Status> {
    const MessagePtr message = TestSchema().new_message(method.response);
    message->GetReflection()->SetString(
        message.get(), method.response->FindFieldByName("resume_token"), std::string(1 << 20, 'x'));
    for (;;) {
      result = co_await responses.write(*message);
      if (!result.ok()) break;
      ++written;
    }
    ended.set();
    co_return result;
  };
  start();
  Wire wire(address(), 4096);
  wire.request("GET", "/v1/images:watch");
  wait(env_, ended);
  EXPECT_EQ(ReasonOf(result), Reason::kCancelled);
  EXPECT_LT(written, 64) << "it wrote far more than sockets hold";
}

// ------------------------------------------------------------------------------------- Stopping

// With any port: on the address that all use, another process may get a port as soon as it is free.
std::string LoopbackOfThisProcess() {
  const auto pid = static_cast<unsigned>(::getpid());
  return absl::StrCat("127.", 64 + pid / 65536 % 64, ".", pid / 256 % 256, ".", pid % 256, ":0");
}

TEST_F(HttpServerTest, LetsRequestsFinishWhenItStops) {
  HF_COVERS("B3");
  options_.address = LoopbackOfThisProcess();
  OneShot begun;
  OneShot go_on;
  dispatcher_.on_call = [&](const server::MethodInfo& method, server::CallContext,
                            MessagePtr) -> Task<absl::StatusOr<MessagePtr>> {
    begun.set();
    co_await go_on.wait();
    co_return TestSchema().new_message(method.response);
  };
  start();
  Wire idle(address());
  ASSERT_EQ(idle.ask("GET", "/healthz").code, 200);
  Wire busy(address());
  busy.request("GET", "/v1/images/i");
  wait(env_, begun);
  const std::string at = address();
  std::thread stopping([this] { stop(); });
  EXPECT_TRUE(idle.ended()) << "closed at once";
  go_on.set();
  const WireResponse got = busy.response();
  EXPECT_EQ(got.code, 200);
  EXPECT_EQ(got.header("Connection"), "close");
  EXPECT_TRUE(busy.ended());
  stopping.join();
  EXPECT_FALSE(Wire(at).connected());
}

TEST_F(HttpServerTest, CutsWhatDoesNotFinishInTime) {
  LastingCall call;
  LastingCall stream;
  dispatcher_.on_call = call.call();
  dispatcher_.on_stream = stream.stream();
  start();
  Wire one(address());
  one.request("GET", "/v1/images/i");
  Wire other(address());
  other.request("GET", "/v1/images:watch");
  wait(env_, call.begun);
  wait(env_, stream.begun);
  stop(Milliseconds(10));
  EXPECT_TRUE(call.ended.is_set());
  EXPECT_TRUE(stream.ended.is_set());
}

TEST_F(HttpServerTest, SaysWhyItCanNotListen) {
  start();
  HttpOptions options;
  options.address = address();
  EXPECT_EQ(HttpServer::Start(env_, dispatcher_, options).status().code(),
            absl::StatusCode::kUnavailable);
  for (const char* wrong : {"", "7411", "localhost", "127.0.0.1:port"}) {
    options.address = wrong;
    EXPECT_EQ(HttpServer::Start(env_, dispatcher_, options).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

}  // namespace
}  // namespace holdfast::real
