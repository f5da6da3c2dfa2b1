// gRPC both ways over loopback: server, reflection, client.
#include <atomic>
#include <thread>

#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/feed/feed.h"
#include "holdfast/real/grpc_client.h"
#include "holdfast/real/grpc_server.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/store/stack.h"
#include "holdfast/testing/covers.h"
#include "nlohmann/json.hpp"

namespace holdfast::real {
namespace {

using Json = nlohmann::json;

using schema::TestSchema;

Json ToJson(const google::protobuf::Message& message) {
  std::string text;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text).ok());
  return Json::parse(text);
}

class GrpcTest : public ::testing::Test {
 protected:
  explicit GrpcTest(GrpcServerOptions options = {}) : options_(std::move(options)) {}

  void SetUp() override {
    const schema::Service& service = *TestSchema().services()[0];
    engine_ = storage::NewMemoryEngine(env_);
    feed_ = std::make_unique<feed::Feed>(env_, *engine_);
    feed_->start();
    store_ = store::BuildStore(env_, TestSchema(), service, *engine_, hooks_, {});
    std::vector<server::Deployment> deployments;
    deployments.push_back({.schema = &TestSchema(),
                           .service = &service,
                           .store = store_.get(),
                           .engine = engine_.get(),
                           .feed = feed_.get(),
                           .token_key = "secret"});
    dispatcher_ = server::BuildDispatcher(env_, std::move(deployments), {});
    auto server = GrpcServer::Start(env_, *dispatcher_, {&TestSchema().pool()}, options_);
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = *std::move(server);
    auto client = Client::Connect(server_->address());
    ASSERT_TRUE(client.ok()) << client.status().ToString();
    client_ = *std::move(client);
  }

  void TearDown() override {
    client_.reset();
    env_.run(dispatcher_->drain());
    server_.reset();
    feed_->stop();
    env_.run(feed_->stopped());
  }

  MessagePtr request(std::string_view method, const Json& json) {
    const auto* found = client_->find_method(method);
    HF_CHECK(found != nullptr) << method;
    MessagePtr message = client_->new_request(found);
    HF_CHECK(google::protobuf::util::JsonStringToMessage(json.dump(), message.get()).ok());
    return message;
  }

  absl::StatusOr<Json> call(const std::string& method, const Json& json, CallOptions options = {}) {
    const std::string name = "test.v1." + method;
    auto response = client_->call(client_->find_method(name), *request(name, json), options);
    if (!response.ok()) return response.status();
    return ToJson(**response);
  }

  void given_project(const std::string& id) {
    const auto made =
        call("ProjectService.CreateProject", {{"projectId", id}, {"project", Json::object()}});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
  }

  GrpcServerOptions options_;
  RealEnv env_;
  std::unique_ptr<storage::Engine> engine_;
  store::HookRegistry hooks_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<server::Dispatcher> dispatcher_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(GrpcTest, AClientLearnsEverythingByReflection) {
  HF_COVERS("B11");
  std::vector<std::string> names;
  for (const auto* service : client_->services()) names.push_back(service->full_name());
  EXPECT_NE(std::find(names.begin(), names.end(), "test.v1.VpcService"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "holdfast.mixin.v1.SchemaMixin"), names.end());
  EXPECT_EQ(std::find(names.begin(), names.end(), "grpc.health.v1.Health"), names.end());
  const auto* method = client_->find_method("/test.v1.VpcService/CreateVpc");
  ASSERT_NE(method, nullptr);
  EXPECT_EQ(method, client_->find_method("test.v1.VpcService.CreateVpc"));
  EXPECT_NE(method->input_type()->FindFieldByName("vpc_id"), nullptr);
  EXPECT_NE(client_->find_message("test.v1.Vpc"), nullptr);
  EXPECT_EQ(client_->find_message("test.v1.Nothing"), nullptr);
}

TEST_F(GrpcTest, CallsGoThereAndBack) {
  given_project("p");
  const auto read = call("ProjectService.GetProject", {{"name", "projects/p"}});
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->at("name"), "projects/p");
}

TEST_F(GrpcTest, ErrorsArriveWithTheirDetails) {
  const auto read = call("ProjectService.GetProject", {{"name", "projects/none"}});
  EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(read.status()), Reason::kResourceNotFound);
  const auto bad = call("ProjectService.GetProject", {{"name", "nonsense"}});
  EXPECT_EQ(ReasonOf(bad.status()), Reason::kInvalidName);
}

TEST_F(GrpcTest, UnknownMethodsAreUnimplemented) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("other.proto");
  file.set_package("other");
  file.add_message_type()->set_name("Empty");
  auto* service = file.add_service();
  service->set_name("Service");
  auto* method = service->add_method();
  method->set_name("Launch");
  method->set_input_type(".other.Empty");
  method->set_output_type(".other.Empty");
  // The client keeps prototypes of what it has seen.
  static google::protobuf::DescriptorPool pool;
  const auto* built = pool.BuildFile(file)->service(0)->method(0);
  const auto answer = client_->call(built, google::protobuf::Empty());
  EXPECT_EQ(ReasonOf(answer.status()), Reason::kMethodUnknown);
}

TEST_F(GrpcTest, MalformedBytesAreRefused) {
  // GetProject's `name` holds bytes that aren't UTF-8: a field of type bytes has the same wire
  // form.
  google::protobuf::FileDescriptorProto file;
  file.set_name("forged.proto");
  file.set_package("test.v1");
  auto* message = file.add_message_type();
  message->set_name("Forged");
  auto* field = message->add_field();
  field->set_name("name");
  field->set_number(1);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_BYTES);
  field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  google::protobuf::DescriptorPool pool;
  const auto* type = pool.BuildFile(file)->message_type(0);
  google::protobuf::DynamicMessageFactory factory;
  const MessagePtr forged(factory.GetPrototype(type)->New());
  forged->GetReflection()->SetString(forged.get(), type->field(0), "projects/\xff");
  const auto answer =
      client_->call(client_->find_method("test.v1.ProjectService.GetProject"), *forged);
  EXPECT_EQ(ReasonOf(answer.status()), Reason::kMalformedRequest);
}

TEST_F(GrpcTest, RequestsThatAreTooLargeAreRefused) {
  const std::string large((16 << 20) + 1, 'x');
  const auto made = call("ProjectService.CreateProject",
                         {{"projectId", "p"}, {"project", {{"displayName", large}}}});
  EXPECT_EQ(made.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(GrpcTest, ManyCallsAtOnceAllComeBack) {
  given_project("p");
  std::atomic<int> fine = 0;
  const auto* method = client_->find_method("test.v1.ProjectService.GetProject");
  const MessagePtr message = request("test.v1.ProjectService.GetProject", {{"name", "projects/p"}});
  for (int i = 0; i < 1000; ++i) {
    client_->call_async(method, *message, {}, [&fine](absl::StatusOr<MessagePtr> response) {
      if (response.ok()) ++fine;
    });
  }
  client_->wait_idle();
  EXPECT_EQ(fine, 1000);
}

// gRPC ends a channel by joining the threads that bring its answers: it must not be one of them.
TEST_F(GrpcTest, AClientMayGoAsSoonAsItHasItsAnswers) {
  given_project("p");
  for (int i = 0; i < 20; ++i) {
    const absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(server_->address());
    ASSERT_TRUE(client.ok()) << client.status();
    const auto* method = (*client)->find_method("test.v1.ProjectService.GetProject");
    const MessagePtr message = (*client)->new_request(method);
    const auto* name = message->GetDescriptor()->FindFieldByName("name");
    message->GetReflection()->SetString(message.get(), name, "projects/p");
    std::atomic<int> answers = 0;
    for (int k = 0; k < 50; ++k) {
      (*client)->call_async(method, *message, {}, [&answers](const auto& response) {
        EXPECT_TRUE(response.ok());
        ++answers;
      });
    }
    (*client)->wait_idle();
    EXPECT_EQ(answers, 50);
  }
}

TEST_F(GrpcTest, StreamsRunUntilTheClientHasEnough) {
  HF_COVERS("S27");
  given_project("p");
  const std::string name = "test.v1.ProjectService.WatchProjects";
  std::vector<std::string> phases;
  const absl::Status status = client_->stream(
      client_->find_method(name), *request(name, Json::object()), {.timeout = Seconds(20)},
      [&phases](const google::protobuf::Message& message) {
        phases.push_back(ToJson(message).at("phase"));
        return phases.back() == "CURRENT" ? Client::Next::kStop : Client::Next::kGoOn;
      });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(phases, std::vector<std::string>({"SNAPSHOT", "CURRENT"}));
}

TEST_F(GrpcTest, StreamsBringChangesAsTheyHappen) {
  const std::string name = "test.v1.ProjectService.WatchProjects";
  int changes = 0;
  bool started = false;
  const absl::Status status =
      client_->stream(client_->find_method(name), *request(name, Json::object()),
                      {.timeout = Seconds(20)}, [&](const google::protobuf::Message& message) {
                        const Json json = ToJson(message);
                        if (!started) given_project("p");
                        started = true;
                        if (json.contains("changes")) ++changes;
                        return changes > 0 ? Client::Next::kStop : Client::Next::kGoOn;
                      });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(GrpcTest, StreamsAreCancelledFromElsewhere) {
  const std::string name = "test.v1.ProjectService.WatchProjects";
  const absl::Status status =
      client_->stream(client_->find_method(name), *request(name, Json::object()), {},
                      [this](const google::protobuf::Message&) {
                        client_->cancel_streams();
                        return Client::Next::kGoOn;
                      });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

TEST_F(GrpcTest, ADrainEndsStreamsAndRefusesCalls) {
  const std::string name = "test.v1.ProjectService.WatchProjects";
  std::thread drainer;
  const absl::Status status =
      client_->stream(client_->find_method(name), *request(name, Json::object()), {},
                      [&](const google::protobuf::Message&) {
                        if (!drainer.joinable()) {
                          drainer = std::thread([this] { env_.run(dispatcher_->drain()); });
                        }
                        return Client::Next::kGoOn;
                      });
  drainer.join();
  EXPECT_EQ(ReasonOf(status), Reason::kShuttingDown);
  EXPECT_EQ(ReasonOf(call("ProjectService.GetProject", {{"name", "projects/p"}}).status()),
            Reason::kShuttingDown);
}

TEST_F(GrpcTest, DeadlinesHold) {
  const std::string name = "test.v1.ProjectService.WatchProjects";
  const absl::Status status = client_->stream(
      client_->find_method(name), *request(name, Json::object()), {.timeout = Milliseconds(200)},
      [](const google::protobuf::Message&) { return Client::Next::kGoOn; });
  EXPECT_EQ(ReasonOf(status), Reason::kDeadlineExceeded);
}

class SmallGrpcTest : public GrpcTest {
 protected:
  SmallGrpcTest() : GrpcTest({.admission = {.max_calls = 4096, .max_bytes = 1000}}) {}
};

TEST_F(SmallGrpcTest, MoreBytesThanTheLimitAreTurnedAwayBeforeTheExecutor) {
  const auto made =
      call("ProjectService.CreateProject",
           {{"projectId", "p"}, {"project", {{"displayName", std::string(2000, 'x')}}}});
  EXPECT_EQ(ReasonOf(made.status()), Reason::kOverloaded);
  EXPECT_TRUE(call("ProjectService.ListProjects", Json::object()).ok());
}

TEST(GrpcServer, SaysIfItCannotListen) {
  RealEnv env;
  const auto dispatcher = server::BuildDispatcher(env, {}, {});
  EXPECT_EQ(GrpcServer::Start(env, *dispatcher, {}, {.address = "256.0.0.1:1"}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(Client, SaysIfNobodyAnswers) {
  const auto client = Client::Connect("127.0.0.1:1", {.timeout = Milliseconds(100)});
  EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace holdfast::real
