// A whole node on files: what it keeps from one start to the next, and how it stops.
#include "holdfast/app/holdfastd/node.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "google/protobuf/util/json_util.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/grpc_client.h"
#include "holdfast/real/http_wire_for_test.h"
#include "holdfast/testing/covers.h"
#include "nlohmann/json.hpp"

namespace holdfast::app {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr char kProto[] = R"(
syntax = "proto3";
package shop.v1;
import "google/api/resource.proto";
import "holdfast/annotations.proto";
import "holdfast/meta.proto";
option (holdfast.service) = { domain: "shop.example.com" version: "v1" };
message Shelf {
  option (google.api.resource) = {
    type: "shop.example.com/Shelf" pattern: "shelves/{shelf}" plural: "shelves"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
}
)";

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    std::string pattern = (fs::temp_directory_path() / "holdfast-node-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    fs::create_directory(folder_ / "protos");
    std::ofstream(folder_ / "protos/shop.proto") << kProto;
    config_.listen_grpc = "127.0.0.1:0";
    config_.listen_http = "127.0.0.1:0";
    config_.log_level = LogLevel::kError;
    config_.stop_timeout = Seconds(5);
    config_.deployments.push_back({.protos = {(folder_ / "protos").string()},
                                   .service = ServiceDomain("shop.example.com"),
                                   .region = Region("here"),
                                   .sqlite = (folder_ / "shop.db").string()});
  }
  ~NodeTest() override {
    stop();
    fs::remove_all(folder_);
  }

  void start() {
    auto node = Node::Start(env_, config_, nullptr);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    node_ = *std::move(node);
    auto client = real::Client::Connect(node_->grpc_address());
    ASSERT_TRUE(client.ok()) << client.status().ToString();
    client_ = *std::move(client);
  }
  void stop() {
    client_.reset();
    if (node_ != nullptr) node_->stop();
    node_.reset();
  }

  absl::StatusOr<Json> call(const std::string& name, const Json& json) {
    const auto* method = client_->find_method("shop.v1.ShelfService." + name);
    const auto request = client_->new_request(method);
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json.dump(), request.get()).ok());
    const auto response = client_->call(method, *request);
    if (!response.ok()) return response.status();
    std::string text;
    EXPECT_TRUE(google::protobuf::util::MessageToJsonString(**response, &text).ok());
    return Json::parse(text);
  }

  fs::path folder_;
  Config config_;
  RealEnv env_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<real::Client> client_;
};

TEST_F(NodeTest, ServesAgainWhatItKeptAndKnowsItsTokens) {
  HF_COVERS("B11");
  start();
  for (const char* id : {"a", "b"}) {
    const auto made = call("CreateShelf", {{"shelfId", id}, {"shelf", Json::object()}});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
  }
  const auto page = call("ListShelves", {{"pageSize", 1}});
  ASSERT_TRUE(page.ok());
  stop();
  start();
  const auto rest = call("ListShelves", {{"pageToken", page->at("nextPageToken")}});
  ASSERT_TRUE(rest.ok()) << rest.status().ToString();
  EXPECT_EQ(rest->at("shelves")[0].at("name"), "shelves/b");
}

TEST_F(NodeTest, ShowsHowLongCommitsTook) {
  start();
  ASSERT_TRUE(call("CreateShelf", {{"shelfId", "a"}, {"shelf", Json::object()}}).ok());
  real::Wire wire(node_->http_address());
  ASSERT_TRUE(wire.request("GET", "/metrics"));
  const std::string page = wire.response().body;
  const std::string count = "holdfast_commit_seconds_count{service=\"shop.example.com\"} ";
  const size_t at = page.find(count);
  ASSERT_NE(at, std::string::npos) << page;
  EXPECT_GE(std::stoi(page.substr(at + count.size())), 1);
}

TEST_F(NodeTest, StopsThoughSomebodyWatches) {
  start();
  const auto* method = client_->find_method("shop.v1.ShelfService.WatchShelves");
  bool stopped = false;
  std::thread stopper;
  const absl::Status status =
      client_->stream(method, *client_->new_request(method), {.timeout = Seconds(30)},
                      [&](const google::protobuf::Message&) {
                        if (!stopped) stopper = std::thread([this] { node_->stop(); });
                        stopped = true;
                        return real::Client::Next::kGoOn;
                      });
  stopper.join();
  node_.reset();
  EXPECT_EQ(ReasonOf(status), Reason::kShuttingDown);
}

TEST_F(NodeTest, SaysWhatToDoWhenItsDatabaseServerIsNotThere) {
  config_.deployments[0].sqlite.clear();
  config_.deployments[0].postgres.emplace(
      batch::PostgresOptions{.dsn = "host=127.0.0.1 port=1 password=secret", .schema = "s"});
  config_.start_timeout = Duration(0);
  const absl::Status status = Node::Start(env_, config_, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  const std::string_view message = ToStd(status.message());
  EXPECT_NE(message.find("shop.example.com"), std::string_view::npos) << message;
  EXPECT_NE(message.find("database.postgres.dsn"), std::string_view::npos) << message;
  EXPECT_EQ(message.find("secret"), std::string_view::npos) << message;
  // Who waits can be stopped.
  config_.start_timeout = Seconds(3600);
  OneShot asked_to_stop;
  asked_to_stop.set();
  EXPECT_EQ(Node::Start(env_, config_, nullptr, asked_to_stop).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(NodeTest, SaysWhichServiceTheProtosLack) {
  config_.deployments[0].service = ServiceDomain("other.example.com");
  const auto node = Node::Start(env_, config_, nullptr);
  EXPECT_NE(ToStd(node.status().message()).find("shop.example.com v1"), std::string::npos);
}

TEST_F(NodeTest, SaysIfThePortIsTaken) {
  start();
  Config second = config_;
  second.listen_grpc = node_->grpc_address();
  second.deployments[0].sqlite = (folder_ / "second.db").string();
  EXPECT_EQ(Node::Start(env_, second, nullptr).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(NodeTest, HooksAreRegisteredOnceForAllDeployments) {
  int calls = 0;
  auto node =
      Node::Start(env_, config_, [&calls](const schema::Schema& schema, store::HookRegistry&) {
        ++calls;
        EXPECT_NE(schema.find_kind(KindName("shop.example.com/Shelf")), nullptr);
      });
  ASSERT_TRUE(node.ok()) << node.status().ToString();
  node_ = *std::move(node);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace holdfast::app
