// The whole server over the test service on a memory engine, in JSON: for tests of this module.
#pragma once

#include <gmock/gmock.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/store/stack.h"

namespace holdfast::server {

using Json = nlohmann::json;

using schema::TestSchema;

inline Json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  HF_CHECK(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return Json::parse(text);
}

// An answer: a status, and the message if it is OK.
struct Answer {
  absl::Status status;
  Json json;

  [[nodiscard]] bool ok() const { return status.ok(); }
  const Json& operator[](const char* field) const { return json.at(field); }
};

inline void PrintTo(const Answer& answer, std::ostream* out) {
  *out << (answer.ok() ? answer.json.dump() : std::string(answer.status.ToString()));
}

template <class Detail>
std::optional<Detail> DetailOf(const absl::Status& status) {
  google::rpc::Status rpc;
  HF_CHECK(rpc.ParseFromString(ToRpcStatus(status)));
  for (const auto& any : rpc.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

// The path of the first field violation.
inline std::string FieldOf(const absl::Status& status) {
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  return bad.has_value() && bad->field_violations_size() > 0 ? bad->field_violations(0).field()
                                                             : "";
}

MATCHER_P(FailsWith, reason, std::string("fails with ") + std::string(ReasonText(reason))) {
  (void)result_listener;
  return ReasonOf(arg.status) == reason;
}
MATCHER_P2(Refuses, reason, field,
           std::string("fails with ") + std::string(ReasonText(reason)) + " at " + field) {
  *result_listener << "at " << FieldOf(arg.status);
  return ReasonOf(arg.status) == reason && FieldOf(arg.status) == field;
}
MATCHER(Succeeds, "is OK") {
  (void)result_listener;
  return arg.ok();
}

// Takes a stream's messages; may be told to take its time.
class Recorder final : public ResponseStream {
 public:
  Task<absl::Status> write(const google::protobuf::Message& response) override {
    messages.push_back(ToJson(response));
    for (;;) {
      const uint64_t seen = resumed.generation();
      if (gone) co_return MakeError(Reason::kCancelled, "the client is gone");
      if (!paused) co_return absl::OkStatus();
      co_await resumed.wait(seen);
    }
  }
  void resume() {
    paused = false;
    resumed.notify();
  }

  std::vector<Json> messages;
  bool paused = false;
  bool gone = false;
  Signal resumed;
};

// A stream that runs beside the test.
struct Stream {
  Recorder recorder;
  OneShot cancelled;
  std::optional<Duration> deadline;
  std::optional<absl::Status> ended;
};

class TestServer {
 public:
  explicit TestServer(DispatcherOptions options = {}, uint64_t seed = 1,
                      feed::FeedOptions feed_options = {})
      : env_(seed), engine_(storage::NewMemoryEngine(env_)) {
    feed_ = std::make_unique<feed::Feed>(env_, *engine_, feed_options);
    feed_->start();
    store_ = store::BuildStore(env_, TestSchema(), service(), *engine_, hooks_, {});
    std::vector<Deployment> deployments;
    deployments.push_back({.schema = &TestSchema(),
                           .service = &service(),
                           .store = store_.get(),
                           .engine = engine_.get(),
                           .feed = feed_.get(),
                           .token_key = "secret",
                           .region = Region("here")});
    dispatcher_ = BuildDispatcher(env_, std::move(deployments), std::move(options));
  }
  ~TestServer() {
    for (auto& stream : streams_) stream->cancelled.set();
    feed_->stop();
    env_.run(feed_->stopped());
    env_.run_until_idle();
  }

  static const schema::Service& service() { return *TestSchema().services()[0]; }
  [[nodiscard]] ManualEnv& env() { return env_; }
  [[nodiscard]] Dispatcher& dispatcher() { return *dispatcher_; }
  [[nodiscard]] storage::Engine& engine() { return *engine_; }

  // "VpcService/GetVpc" of the test service, or a full name.
  [[nodiscard]] const MethodInfo& method(std::string_view name) const {
    const std::string full =
        absl::StrCat(name.find('.') == std::string_view::npos ? "/test.v1." : "/", ToAbsl(name));
    const MethodInfo* found = dispatcher_->find(full);
    HF_CHECK(found != nullptr) << full;
    return *found;
  }
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> request(std::string_view name,
                                                                   const Json& json) const {
    auto message = dispatcher_->new_request(method(name));
    const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), message.get());
    HF_CHECK(status.ok()) << status.ToString();
    return message;
  }

  Answer call(std::string_view name, const Json& json, CallContext context = {}) {
    return call(name, request(name, json), std::move(context));
  }
  Answer call(std::string_view name, std::unique_ptr<google::protobuf::Message> message,
              CallContext context = {}) {
    auto response =
        env_.run(dispatcher_->call(method(name), std::move(context), std::move(message)));
    if (!response.ok()) return {response.status(), {}};
    const auto whole = (*std::move(response)).merged();
    if (!whole.ok()) return {whole.status(), {}};
    return {absl::OkStatus(), ToJson(**whole)};
  }
  // Calls that must work.
  Json must(std::string_view name, const Json& json) {
    Answer answer = call(name, json);
    EXPECT_TRUE(answer.ok()) << answer.status.ToString();
    return answer.json;
  }

  // "projects/p", with "p" in it.
  void given_project(const std::string& id) {
    must("ProjectService/CreateProject", {{"project_id", id}, {"project", Json::object()}});
  }
  Json given_vpc(const std::string& project, const std::string& id, Json vpc = Json::object()) {
    return must("VpcService/CreateVpc",
                {{"parent", "projects/" + project}, {"vpc_id", id}, {"vpc", std::move(vpc)}});
  }
  Json given_gateway(const std::string& project, const std::string& id,
                     Json gateway = Json::object()) {
    return must(
        "GatewayService/CreateGateway",
        {{"parent", "projects/" + project}, {"gateway_id", id}, {"gateway", std::move(gateway)}});
  }

  // Starts a stream; it lives as long as the server.
  Stream& stream(std::string_view name, const Json& json,
                 std::optional<Duration> deadline = std::nullopt) {
    streams_.push_back(std::make_unique<Stream>());
    Stream& stream = *streams_.back();
    stream.deadline = deadline;
    Spawn(env_, run(method(name), request(name, json), stream));
    env_.run_until_idle();
    return stream;
  }

 private:
  Task<void> run(const MethodInfo& info, std::unique_ptr<google::protobuf::Message> message,
                 Stream& stream) {
    CallContext context;
    context.cancelled = stream.cancelled;
    context.deadline = stream.deadline;
    stream.ended = co_await dispatcher_->stream(info, context, std::move(message), stream.recorder);
  }

  ManualEnv env_;
  std::unique_ptr<storage::Engine> engine_;
  store::HookRegistry hooks_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace holdfast::server
