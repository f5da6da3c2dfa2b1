// One process: its deployments on their databases, the dispatcher over them, the two servers, and
// the work in the background. Wiring only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/app/holdfastd/config.h"
#include "holdfast/app/holdfastd/run.h"
#include "holdfast/control/constraint/duty_controller.h"
#include "holdfast/feed/feed.h"
#include "holdfast/real/grpc_server.h"
#include "holdfast/real/http_server.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/hooks.h"
#include "holdfast/store/store.h"

namespace holdfast::app {

// Compiles the folders of all deployments together, so that one service may import another, and
// finds each deployment's service in them.
struct LoadedSchema {
  std::unique_ptr<schema::Schema> schema;
  std::vector<const schema::Service*> services;  // beside Config::deployments
};
[[nodiscard]] absl::StatusOr<LoadedSchema> LoadSchema(const Config& config);

class Node {
 public:
  // Opens everything and serves. `env` outlives the node. CANCELLED if it was asked to stop while
  // it waited for a database server.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Node>> Start(
      RealEnv& env, const Config& config, const RegisterHooks& register_hooks,
      const OneShot& asked_to_stop = OneShot());
  // stop() must have been called.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] const std::string& grpc_address() const { return grpc_->address(); }
  [[nodiscard]] const std::string& http_address() const { return http_->address(); }

  // Refuses new work, lets what is under way finish for at most Config::stop_timeout, then ends
  // everything. Not on a thread of the env.
  void stop();

 private:
  // One deployment with what belongs to it, in the order of making.
  struct Part;

  Node(RealEnv& env, const Config& config);
  [[nodiscard]] absl::Status start(const RegisterHooks& register_hooks,
                                   const OneShot& asked_to_stop);
  [[nodiscard]] absl::Status add_part(const DeploymentConfig& config,
                                      const schema::Service& service, const OneShot& asked_to_stop);
  [[nodiscard]] absl::Status check_kinds(storage::Engine& engine, const schema::Service& service);
  void build_dispatcher();
  void add_metrics();
  [[nodiscard]] absl::Status listen();
  Task<void> stop_serving();
  Task<void> stop_background();

  RealEnv& env_;
  const Config config_;
  LoadedSchema loaded_;
  store::HookRegistry hooks_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::unique_ptr<server::Dispatcher> dispatcher_;
  std::unique_ptr<real::GrpcServer> grpc_;
  std::unique_ptr<real::HttpServer> http_;
  OneShot stopping_;
};

}  // namespace holdfast::app
