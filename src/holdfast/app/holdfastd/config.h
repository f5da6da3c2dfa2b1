// What holdfastd is told: a YAML file. docs/reference/config.md is the reader's view.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/batch/postgres/options.h"

namespace holdfast::app {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kText, kJson };

struct DeploymentConfig {
  std::vector<std::string> protos;  // folders
  ServiceDomain service;
  ApiVersion version;  // empty: the only one in the folders, or the newest
  Region region;
  // One of these.
  std::string sqlite;  // path of the database file
  // Its dsn may hold a password: it is never shown. An empty schema in the file is filled by
  // DefaultPostgresSchema().
  std::optional<batch::PostgresOptions> postgres;
};

struct Config {
  std::string listen_grpc = "127.0.0.1:7443";
  std::string listen_http = "127.0.0.1:7080";

  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  size_t max_request_bytes = 16 << 20;
  size_t max_requests_in_flight = 4096;
  size_t max_streams = 20000;
  size_t max_connections = 20000;  // HTTP
  size_t max_batch_ops = 500;
  size_t cache_bytes = 16 << 20;  // each deployment
  int threads = 0;                // 0: as many as cores, at least 2

  // How long deleted resources and request_ids are remembered, and old resume tokens serve.
  Duration retention = Seconds(24 * 3600);
  // How long a graceful stop waits for calls that are under way.
  Duration stop_timeout = Seconds(10);
  // How long a start waits for a database server that doesn't answer.
  Duration start_timeout = Seconds(60);

  std::vector<DeploymentConfig> deployments;

  // Not in the file: `--restored`, for the one start behind a restore. The databases are backups
  // put back, so that places in their feeds from before mean nothing any more.
  bool restored = false;
};

// Larger files aren't configuration.
inline constexpr size_t kMaxConfigBytes = 1 << 20;

// PostgreSQL cuts longer names.
inline constexpr size_t kMaxPostgresSchemaBytes = 63;

// Deployments may share a PostgreSQL database; each has a namespace of its own in it, named after
// service and region: "network_example_com_local".
[[nodiscard]] std::string DefaultPostgresSchema(const ServiceDomain& service, const Region& region);

// INVALID_ARGUMENT with every error, one a line, as "file:line:column: what is wrong". `file` is
// for the messages.
[[nodiscard]] absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file);
// The same from a file; NOT_FOUND if it can't be read.
[[nodiscard]] absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace holdfast::app
