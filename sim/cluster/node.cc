#include "sim/cluster/node.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/control/constraint/duty_controller.h"
#include "holdfast/feed/feed.h"
#include "holdfast/feed/purge.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/server/token_key.h"
#include "holdfast/store/stack.h"

namespace holdfast::sim {
namespace {

// How long a starting node waits before it asks the database again.
constexpr Duration kStartPause = Milliseconds(200);

store::StoreOptions StoreOptionsOf(const NodeOptions& options) {
  store::StoreOptions store;
  store.region = Region("here");
  store.max_batch_ops = options.max_batch_ops;
  store.max_inline_dependants = options.max_inline_dependants;
  store.max_probed = options.max_probed;
  store.closing_patience = options.closing_patience;
  store.cache_bytes = options.cache_bytes;
  return store;
}

// A stream's messages, serialized on their way.
class SerializingStream final : public server::ResponseStream {
 public:
  explicit SerializingStream(StreamSink& sink) : sink_(sink) {}
  Task<absl::Status> write(const google::protobuf::Message& response) override {
    co_return co_await sink_.write(response.SerializeAsString());
  }

 private:
  StreamSink& sink_;
};

}  // namespace

// Everything of one life of a node. What belongs to the env's lane goes first: no coroutine finds
// its objects gone.
class SimNode::Process final : public Host {
 public:
  Process(World& world, Network& network, Database& database, const SimService& service,
          const Address& address, const NodeOptions& options)
      : network_(network),
        service_(service),
        address_(address),
        options_(options),
        env_(world.make_env()),
        engine_(database.connect(*env_, address)) {
    service.register_hooks(hooks_);
  }
  ~Process() override {
    network_.remove(address_);
    env_->close();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start() { Spawn(*env_, start_serving()); }
  [[nodiscard]] NodeEnv& env() { return *env_; }
  [[nodiscard]] std::optional<control::DutyStats> duty_stats() const {
    if (duties_ == nullptr) return std::nullopt;
    return duties_->stats();
  }

  Task<void> drain() {
    stopping_.set();
    if (dispatcher_ != nullptr) co_await dispatcher_->drain();
    if (duties_ != nullptr) {
      duties_->stop();
      co_await duties_->stopped();
    }
  }

  Task<absl::StatusOr<std::string>> call(std::string method, std::string request,
                                         Duration timeout) override {
    const server::MethodInfo* info = dispatcher_->find(method);
    if (info == nullptr) co_return absl::UnimplementedError(method);
    std::unique_ptr<google::protobuf::Message> message = dispatcher_->new_request(*info);
    if (!message->ParseFromString(request)) co_return absl::InvalidArgumentError("not a message");
    server::CallContext context;
    context.deadline = Duration(env_->clock().monotonic().value() + timeout.value());
    absl::StatusOr<server::Response> response =
        co_await dispatcher_->call(*info, std::move(context), std::move(message));
    if (!response.ok()) co_return response.status();
    co_return response->message->SerializeAsString() + response->rest;
  }

  Task<absl::Status> stream(std::string method, std::string request, OneShot cancelled,
                            StreamSink& sink) override {
    const server::MethodInfo* info = dispatcher_->find(method);
    if (info == nullptr) co_return absl::UnimplementedError(method);
    std::unique_ptr<google::protobuf::Message> message = dispatcher_->new_request(*info);
    if (!message->ParseFromString(request)) co_return absl::InvalidArgumentError("not a message");
    server::CallContext context;
    context.cancelled = cancelled;
    SerializingStream responses(sink);
    co_return co_await dispatcher_->stream(*info, std::move(context), std::move(message),
                                           responses);
  }

 private:
  Task<void> start_serving() {
    absl::StatusOr<std::string> key = absl::UnknownError("not asked yet");
    for (;;) {
      key = co_await server::LoadTokenKey(*env_, *engine_);
      if (key.ok()) break;
      co_await env_->sleep(kStartPause);
    }
    feed_ = std::make_unique<feed::Feed>(*env_, *engine_, options_.feed);
    feed_->start();
    store_ = store::BuildStore(*env_, *service_.schema, *service_.service, *engine_, hooks_,
                               StoreOptionsOf(options_));
    duties_ = std::make_unique<control::DutyController>(*env_, *store_);
    duties_->start();
    feed::PurgeOptions purge;
    purge.retention = options_.retention;
    purge.interval = options_.purge_interval;
    purge.page = 50;
    Spawn(*env_, feed::PurgeForever(*env_, *engine_, purge, stopping_, purge_stopped_));
    std::vector<server::Deployment> deployments;
    deployments.push_back({.schema = service_.schema.get(),
                           .service = service_.service,
                           .store = store_.get(),
                           .engine = engine_.get(),
                           .feed = feed_.get(),
                           .token_key = *key,
                           .region = Region("here")});
    server::DispatcherOptions options;
    options.max_batch_ops = options_.max_batch_ops;
    dispatcher_ = server::BuildDispatcher(*env_, std::move(deployments), std::move(options));
    network_.serve(address_, *env_, *this);
  }

  Network& network_;
  const SimService& service_;
  const Address address_;
  const NodeOptions options_;
  // In the order of making; the env is closed before any of them goes.
  std::unique_ptr<NodeEnv> env_;
  store::HookRegistry hooks_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<feed::Feed> feed_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<control::DutyController> duties_;
  std::unique_ptr<server::Dispatcher> dispatcher_;
  OneShot stopping_;
  OneShot purge_stopped_;
};

SimNode::SimNode(World& world, Network& network, Database& database, const SimService& service,
                 Address address, NodeOptions options)
    : world_(world),
      network_(network),
      database_(database),
      service_(service),
      address_(std::move(address)),
      options_(options) {}

SimNode::~SimNode() = default;

void SimNode::start() {
  if (process_ != nullptr) return;
  world_.note(address_, "starts");
  process_ = std::make_unique<Process>(world_, network_, database_, service_, address_, options_);
  process_->start();
}

void SimNode::crash() {
  if (process_ == nullptr) return;
  world_.note(address_, "crashes");
  process_.reset();
}

Task<void> SimNode::stop() {
  if (process_ == nullptr) co_return;
  world_.note(address_, "stops");
  // On the node's own lane, which a crash may close meanwhile: then this waits for nothing.
  OneShot drained;
  Spawn(process_->env(), [](Process& process, OneShot done) -> Task<void> {
    co_await process.drain();
    done.set();
  }(*process_, drained));
  for (int i = 0; i < 100 && !drained.is_set(); ++i) co_await world_.env().sleep(Milliseconds(100));
  crash();
}

std::string SimNode::background() const {
  if (process_ == nullptr) return "not running";
  const std::optional<control::DutyStats> stats = process_->duty_stats();
  if (!stats.has_value()) return "not serving yet";
  return absl::StrCat(stats->rows, " rows in ", stats->rounds, " rounds, ", stats->errors,
                      " errors, the last: ", std::string(stats->last_error.message()));
}

NodeEnv& SimNode::env() { return process_->env(); }

}  // namespace holdfast::sim
