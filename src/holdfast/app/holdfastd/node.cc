#include "holdfast/app/holdfastd/node.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/app/holdfastd/known_kinds.h"
#include "holdfast/app/holdfastd/log.h"
#include "holdfast/app/holdfastd/measured_engine.h"
#include "holdfast/app/holdfastd/open_database.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/env/event.h"
#include "holdfast/feed/purge.h"
#include "holdfast/server/openapi.h"
#include "holdfast/server/token_key.h"
#include "holdfast/store/stack.h"

namespace holdfast::app {
namespace {

// Of those that the folders define: the one that the configuration means.
absl::StatusOr<const schema::Service*> FindService(const schema::Schema& schema,
                                                   const DeploymentConfig& config) {
  const schema::Service* found = nullptr;
  std::vector<std::string> known;
  for (const schema::Service* service : schema.services()) {
    known.push_back(absl::StrCat(service->domain.str(), " ", service->version.str()));
    if (service->domain != config.service) continue;
    if (config.version.empty() || service->version == config.version) found = service;
  }
  if (found != nullptr) return found;
  return absl::InvalidArgumentError(
      absl::StrCat("no service ", config.service.str(), " ", config.version.str(),
                   " in the folders of protos; there are: ", absl::StrJoin(known, ", ")));
}

std::vector<storage::IndexDefinition> IndexesOf(const schema::Service& service) {
  std::vector<storage::IndexDefinition> indexes;
  for (const schema::Kind* kind : service.kinds) {
    for (const schema::IndexRule& rule : kind->indexes) indexes.push_back({kind->name, rule.paths});
  }
  return indexes;
}

// `stats` is kept alive by the readers.
void AddPostgresMetrics(server::Metrics& metrics, const server::Labels& labels,
                        const std::shared_ptr<batch::PostgresStats>& stats) {
  using Stats = batch::PostgresStats;
  struct Field {
    const char* name;
    const char* help;
    std::atomic<int64_t> Stats::*member;
  };
  constexpr Field kFields[] = {
      {"attempts", "Batches sent to PostgreSQL, repeated ones each time.", &Stats::attempts},
      {"retries", "Batches sent again: lost against others, or not done.", &Stats::retries},
      {"ambiguous", "Batches whose answer was lost.", &Stats::ambiguous},
      {"resolved", "Batches whose lost answer was found by their key.", &Stats::resolved},
      {"connects", "Sessions begun.", &Stats::connects},
      {"connect_errors", "Attempts to begin a session that failed.", &Stats::connect_errors},
      {"lost_sessions", "Sessions that ended otherwise than by us.", &Stats::lost},
      {"refused", "Batches refused, or given up in the queue.", &Stats::refused}};
  for (const Field& field : kFields) {
    metrics.add_reader(absl::StrCat("holdfast_postgres_", field.name), field.help, labels,
                       [stats, member = field.member] { return (*stats.*member).load(); });
  }
}

feed::PurgeOptions PurgeOptionsOf(const Config& config) {
  feed::PurgeOptions options;
  options.retention = config.retention;
  options.on_purged = [](const storage::PurgeResult& forgotten) {
    Log(LogLevel::kDebug, "forgot what was old",
        {{"tombstones", absl::StrCat(forgotten.tombstones)},
         {"requests", absl::StrCat(forgotten.requests)}});
  };
  options.on_error = [](const absl::Status& status) {
    Log(LogLevel::kWarn, "can't forget old tombstones; trying again later",
        {{"error", std::string(ToStd(status.message()))}});
  };
  return options;
}

void LogCall(const server::CallRecord& call) {
  if (!IsLogged(LogLevel::kDebug)) return;
  Log(LogLevel::kDebug, "call",
      {{"method", call.method->full_name},
       {"peer", call.peer},
       {"trace", call.trace_id},
       {"code", absl::StatusCodeToString(call.status.code())},
       {"error", std::string(ToStd(call.status.message()))},
       {"microseconds", absl::StrCat(call.took.value())}});
}

}  // namespace

struct Node::Part {
  const schema::Service* service = nullptr;
  Region region;
  std::string token_key;
  std::shared_ptr<batch::PostgresStats> postgres;  // null on SQLite; the engine counts in it
  std::unique_ptr<MeasuredEngine> engine;
  std::unique_ptr<feed::Feed> feed;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<control::DutyController> duties;
  OneShot purge_stopped;
};

absl::StatusOr<LoadedSchema> LoadSchema(const Config& config) {
  schema::LoadOptions options;
  for (const DeploymentConfig& deployment : config.deployments) {
    for (const std::string& folder : deployment.protos) {
      const bool known =
          std::find(options.roots.begin(), options.roots.end(), folder) != options.roots.end();
      if (!known) options.roots.push_back(folder);
    }
  }
  LoadedSchema loaded;
  HF_ASSIGN_OR_RETURN(loaded.schema, schema::Load(options));
  for (const DeploymentConfig& deployment : config.deployments) {
    HF_ASSIGN_OR_RETURN(const schema::Service* service, FindService(*loaded.schema, deployment));
    loaded.services.push_back(service);
  }
  return loaded;
}

Node::Node(RealEnv& env, const Config& config) : env_(env), config_(config) {}
Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Start(RealEnv& env, const Config& config,
                                                  const RegisterHooks& register_hooks,
                                                  const OneShot& asked_to_stop) {
  std::unique_ptr<Node> node(new Node(env, config));
  const absl::Status status = node->start(register_hooks, asked_to_stop);
  if (status.ok()) return node;
  node->stop();
  return status;
}

absl::Status Node::start(const RegisterHooks& register_hooks, const OneShot& asked_to_stop) {
  HF_ASSIGN_OR_RETURN(loaded_, LoadSchema(config_));
  if (register_hooks) register_hooks(*loaded_.schema, hooks_);
  for (size_t i = 0; i < config_.deployments.size(); ++i) {
    HF_RETURN_IF_ERROR(add_part(config_.deployments[i], *loaded_.services[i], asked_to_stop));
  }
  build_dispatcher();
  add_metrics();
  HF_RETURN_IF_ERROR(listen());
  return absl::OkStatus();
}

absl::Status Node::add_part(const DeploymentConfig& config, const schema::Service& service,
                            const OneShot& asked_to_stop) {
  auto part = std::make_unique<Part>();
  part->service = &service;
  part->region = config.region;
  DeploymentConfig counted = config;
  if (counted.postgres.has_value()) {
    part->postgres = counted.postgres->stats = std::make_shared<batch::PostgresStats>();
  }
  HF_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::Engine> engine,
      env_.run(OpenDatabase(env_, config_, counted, IndexesOf(service), asked_to_stop)));
  part->engine = std::make_unique<MeasuredEngine>(env_, std::move(engine));
  HF_RETURN_IF_ERROR(check_kinds(*part->engine, service));
  HF_ASSIGN_OR_RETURN(part->token_key, env_.run(server::LoadTokenKey(env_, *part->engine)));
  part->feed = std::make_unique<feed::Feed>(env_, *part->engine);
  part->feed->start();
  store::StoreOptions store_options;
  store_options.region = config.region;
  store_options.max_batch_ops = config_.max_batch_ops;
  store_options.cache_bytes = config_.cache_bytes;
  part->store =
      store::BuildStore(env_, *loaded_.schema, service, *part->engine, hooks_, store_options);
  part->duties = std::make_unique<control::DutyController>(env_, *part->store);
  part->duties->start();
  Spawn(env_, feed::PurgeForever(env_, *part->engine, PurgeOptionsOf(config_), stopping_,
                                 part->purge_stopped));
  parts_.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Node::check_kinds(storage::Engine& engine, const schema::Service& service) {
  std::set<KindName> known;
  for (const schema::Kind* kind : service.kinds) known.insert(kind->name);
  return env_.run(CheckKinds(engine, std::move(known)));
}

void Node::build_dispatcher() {
  std::vector<server::Deployment> deployments;
  for (const std::unique_ptr<Part>& part : parts_) {
    deployments.push_back({.schema = loaded_.schema.get(),
                           .service = part->service,
                           .store = part->store.get(),
                           .engine = part->engine.get(),
                           .feed = part->feed.get(),
                           .token_key = part->token_key,
                           .region = part->region});
  }
  server::DispatcherOptions options;
  options.max_requests_in_flight = config_.max_requests_in_flight;
  options.max_streams = config_.max_streams;
  options.max_batch_ops = config_.max_batch_ops;
  options.on_call = LogCall;
  dispatcher_ = server::BuildDispatcher(env_, std::move(deployments), std::move(options));
}

void Node::add_metrics() {
  for (const std::unique_ptr<Part>& part : parts_) {
    const server::Labels labels = {{"service", part->service->domain.str()}};
    const feed::Feed* feed = part->feed.get();
    server::Metrics& metrics = dispatcher_->metrics();
    metrics.show_histogram("holdfast_commit_seconds",
                           "How long the database took for commits, waiting for it included.",
                           labels, part->engine->commits());
    metrics.add_reader("holdfast_revision", "The last commit that the feed has read.", labels,
                       [feed] { return feed->stats().revision.value(); });
    metrics.add_reader("holdfast_feed_subscriptions", "Readers of the feed.", labels,
                       [feed] { return static_cast<int64_t>(feed->stats().subscriptions); });
    metrics.add_reader("holdfast_feed_ring_bytes", "Changes kept in memory for readers.", labels,
                       [feed] { return static_cast<int64_t>(feed->stats().ring_bytes); });
    metrics.add_reader("holdfast_feed_catch_up_reads",
                       "Reads of the database by readers that had fallen behind.", labels,
                       [feed] { return feed->stats().catch_up_reads; });
    const control::DutyController* duties = part->duties.get();
    metrics.add_reader("holdfast_duty_rows", "Rows changed by work in the background.", labels,
                       [duties] { return duties->stats().rows; });
    metrics.add_reader("holdfast_duty_errors", "Failed rounds of work in the background.", labels,
                       [duties] { return duties->stats().errors; });
    if (part->postgres != nullptr) AddPostgresMetrics(metrics, labels, part->postgres);
  }
}

absl::Status Node::listen() {
  real::GrpcServerOptions grpc;
  grpc.address = config_.listen_grpc;
  grpc.max_request_bytes = config_.max_request_bytes;
  grpc.admission.max_calls = config_.max_requests_in_flight;
  HF_ASSIGN_OR_RETURN(grpc_,
                      real::GrpcServer::Start(env_, *dispatcher_, {&loaded_.schema->pool()}, grpc));
  real::HttpOptions http;
  http.address = config_.listen_http;
  http.limits.max_body_bytes = config_.max_request_bytes;
  http.limits.max_connections = config_.max_connections;
  std::vector<std::string> versions;
  for (const std::unique_ptr<Part>& part : parts_) {
    versions.push_back(
        absl::StrCat(part->service->domain.str(), " ", part->service->version.str()));
  }
  http.openapi = server::BuildOpenApi(dispatcher_->methods(), {loaded_.schema.get()},
                                      {.title = absl::StrJoin(versions, ", "), .version = "1"});
  http.ready = [stopping = stopping_] {
    return stopping.is_set() ? absl::UnavailableError("stopping") : absl::OkStatus();
  };
  HF_ASSIGN_OR_RETURN(http_, real::HttpServer::Start(env_, *dispatcher_, std::move(http)));
  for (const std::string& conflict : http_->conflicts()) {
    Log(LogLevel::kWarn, "two methods claim one HTTP path", {{"path", conflict}});
  }
  return absl::OkStatus();
}

void Node::stop() {
  stopping_.set();
  const Duration deadline(env_.clock().monotonic().value() + config_.stop_timeout.value());
  if (grpc_ != nullptr) grpc_->announce_stop();
  if (dispatcher_ != nullptr) env_.run(stop_serving());
  if (grpc_ != nullptr) {
    const int64_t left = deadline.value() - env_.clock().monotonic().value();
    grpc_->shutdown(Duration(std::max<int64_t>(left, 0)));
  }
  env_.run(stop_background());
}

Task<void> Node::stop_serving() {
  Signal drained;
  const uint64_t seen = drained.generation();
  // Goes on by itself if time is up: what is left is cut off by the servers.
  Spawn(env_, [](server::Dispatcher& dispatcher, Signal done) -> Task<void> {
    co_await dispatcher.drain();
    done.notify();
  }(*dispatcher_, drained));
  const bool in_time = co_await drained.wait_for(env_, seen, config_.stop_timeout);
  if (!in_time) Log(LogLevel::kWarn, "calls are still under way; cutting them off");
  if (http_ != nullptr) co_await http_->stop(Seconds(1));
}

Task<void> Node::stop_background() {
  for (const std::unique_ptr<Part>& part : parts_) {
    part->duties->stop();
    part->feed->stop();
  }
  for (const std::unique_ptr<Part>& part : parts_) {
    co_await part->duties->stopped();
    co_await part->feed->stopped();
    co_await part->purge_stopped.wait();
  }
}

}  // namespace holdfast::app
