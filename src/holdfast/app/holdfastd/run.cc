#include "holdfast/app/holdfastd/run.h"

#include <google/protobuf/stubs/logging.h>

#include <CLI/CLI.hpp>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "holdfast/app/holdfastd/config.h"
#include "holdfast/app/holdfastd/log.h"
#include "holdfast/app/holdfastd/node.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/termination.h"
#include "holdfast/real_env/real_env.h"

// jemalloc's: few arenas, as threads mostly wait, and each keeps freed memory for itself.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4";

namespace holdfast::app {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int Fail(const absl::Status& status, int code) {
  std::cerr << "holdfastd: " << status.message() << "\n";
  return code;
}

int Serve(const Config& config, const RegisterHooks& register_hooks) {
  // Before any other thread: they inherit which signals they don't get.
  std::promise<void> asked_to_stop;
  OneShot stopping;
  const real::TerminationListener listener([&asked_to_stop, stopping]() mutable {
    stopping.set();
    asked_to_stop.set_value();
  });
  RealEnv env({.threads = config.threads});
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Start(env, config, register_hooks, stopping);
  if (absl::IsCancelled(node.status()) && stopping.is_set()) return kExitOk;
  if (!node.ok()) return Fail(node.status(), kExitFailed);
  Log(LogLevel::kInfo, "ready",
      {{"grpc", (*node)->grpc_address()}, {"http", (*node)->http_address()}});
  // For whoever started us, perhaps with port 0.
  std::cout << "holdfastd ready grpc=" << (*node)->grpc_address()
            << " http=" << (*node)->http_address() << std::endl;
  asked_to_stop.get_future().wait();
  Log(LogLevel::kInfo, "stopping");
  (*node)->stop();
  node->reset();
  Log(LogLevel::kInfo, "stopped");
  return kExitOk;
}

}  // namespace

int RunHoldfastd(int argc, char** argv, const RegisterHooks& register_hooks) {
  CLI::App app("Serves the resources that .proto files describe.", "holdfastd");
  std::string path;
  bool check_only = false;
  bool restored = false;
  app.add_option("--config", path, "the configuration, a YAML file")->required();
  app.add_flag("--check", check_only, "only look whether the configuration is right");
  app.add_flag("--restored", restored,
               "the databases are backups put back: watchers of the earlier ones start anew");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  // Debian's absl looks at every lock for a circle of locks, and gRPC has many.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // What protobuf would say to stderr about bad requests, clients are told.
  google::protobuf::SetLogHandler(nullptr);
  absl::StatusOr<Config> config = LoadConfig(path);
  if (!config.ok()) return Fail(config.status(), kExitUsage);
  config->restored = restored;
  SetUpLog(config->log_level, config->log_format);
  if (!check_only) return Serve(*config, register_hooks);
  const absl::StatusOr<LoadedSchema> loaded = LoadSchema(*config);
  return loaded.ok() ? kExitOk : Fail(loaded.status(), kExitUsage);
}

}  // namespace holdfast::app
