// What gRPC's generic service gives the dispatcher: any method, any bytes. Whatever they are, the
// answer is no internal error.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/feed/feed.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/store/stack.h"

namespace {

using holdfast::Task;
using holdfast::server::CallContext;
using holdfast::server::MethodInfo;

// Goes after the first message.
class FickleClient final : public holdfast::server::ResponseStream {
 public:
  Task<absl::Status> write(const google::protobuf::Message& response) override {
    HF_CHECK(response.IsInitialized());
    co_return holdfast::MakeError(holdfast::Reason::kCancelled, "enough");
  }
};

class Server {
 public:
  Server() : engine_(holdfast::storage::NewMemoryEngine(env_)) {
    feed_ = std::make_unique<holdfast::feed::Feed>(env_, *engine_);
    feed_->start();
    const auto& service = *schema().services()[0];
    store_ = holdfast::store::BuildStore(env_, schema(), service, *engine_, hooks_, {});
    std::vector<holdfast::server::Deployment> deployments;
    deployments.push_back({.schema = &schema(),
                           .service = &service,
                           .store = store_.get(),
                           .engine = engine_.get(),
                           .feed = feed_.get(),
                           .token_key = "key"});
    dispatcher_ = holdfast::server::BuildDispatcher(env_, std::move(deployments), {});
  }
  ~Server() {
    feed_->stop();
    env_.run(feed_->stopped());
  }

  void run(uint8_t method_index, const std::string& bytes) {
    const auto& methods = dispatcher_->methods();
    const MethodInfo& method = *methods[method_index % methods.size()];
    auto request = dispatcher_->new_request(method);
    if (!request->ParseFromString(bytes)) return;
    env_.run(call(method, std::move(request)));
  }

 private:
  static const holdfast::schema::Schema& schema() {
    static const auto schema = holdfast::schema::LoadTestSchema();
    return *schema;
  }

  Task<void> call(const MethodInfo& method, std::unique_ptr<google::protobuf::Message> request) {
    CallContext context;
    absl::Status status;
    if (method.server_streaming) {
      FickleClient client;
      status = co_await dispatcher_->stream(method, context, std::move(request), client);
    } else {
      auto response = co_await dispatcher_->call(method, context, std::move(request));
      status = response.status();
      if (response.ok()) status = (*std::move(response)).merged().status();
    }
    HF_CHECK(status.code() != absl::StatusCode::kInternal) << status.ToString();
    HF_CHECK(status.ok() || holdfast::ReasonOf(status).has_value()) << status.ToString();
  }

  holdfast::ManualEnv env_;
  std::unique_ptr<holdfast::storage::Engine> engine_;
  holdfast::store::HookRegistry hooks_;
  std::unique_ptr<holdfast::feed::Feed> feed_;
  std::unique_ptr<holdfast::store::Store> store_;
  std::unique_ptr<holdfast::server::Dispatcher> dispatcher_;
};

// What earlier inputs have created makes later ones go deeper, up to a point.
constexpr int kInputsOfOneServer = 1000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<Server> server;
  static int inputs = 0;
  if (size == 0) return 0;
  if (inputs++ % kInputsOfOneServer == 0) {
    server.reset();
    server = std::make_unique<Server>();
  }
  server->run(data[0], std::string(reinterpret_cast<const char*>(data + 1), size - 1));
  return 0;
}
