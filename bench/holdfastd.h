// A holdfastd of one service as a process, and load on it from another process.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load.h"
#include "bench/process.h"

namespace holdfast::bench {

struct HoldfastdOptions {
  std::string service = "bench.example.com";
  std::string protos = "bench/proto";
  std::string database;  // as in the configuration: "{sqlite: path}" or "{postgres: {dsn: …}}"
};

[[nodiscard]] std::string SqliteDatabase(const std::string& path);
[[nodiscard]] std::string PostgresDatabase(const std::string& dsn);

class Holdfastd {
 public:
  // Returns when it serves.
  explicit Holdfastd(const HoldfastdOptions& options);
  ~Holdfastd();

  [[nodiscard]] const std::string& grpc() const { return grpc_; }
  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  // The sum of a metric's series (of all labels), as /metrics says it.
  [[nodiscard]] double metric(std::string_view name) const;

 private:
  std::string folder_;
  std::string grpc_;
  std::string http_;
  std::unique_ptr<Process> process_;
};

// What bench_load can do; see bench_load --help.
struct LoadOptions {
  std::string work;
  int clients = 32;  // calls under way at most
  double rate = 0;   // calls a second, whatever their latency; 0: as fast as they are answered
  Stretch stretch;
};

struct LoadResult {
  Sample sample;
  double cpu_seconds = 0;  // of the load generator, in the counted time
  int64_t failed = 0;
};

// Runs bench_load to its end.
[[nodiscard]] LoadResult RunLoad(const Holdfastd& server, const LoadOptions& options);

}  // namespace holdfast::bench
