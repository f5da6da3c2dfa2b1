// Many runs, and what came of them together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/run/run.h"

namespace holdfast::sim {

struct CampaignOptions {
  std::string scenario;  // "": all in turn, by the seed
  uint64_t first = 1;
  uint64_t seeds = 100;
  uint64_t step = 1;
  double seconds = 0;  // no seed begins after so much wall time; 0: no bound
  bool twice = false;  // each seed; equal hashes
  size_t max_failures = 5;
  std::string hash_file;
  TraceListener listener;
  std::function<void(const Scenario&, uint64_t seed)> announce;  // before each run
};

struct Failure {
  std::string scenario;
  uint64_t seed = 0;
  std::string what;  // one line
  RunResult result;
};

struct Report {
  uint64_t seeds = 0;
  int64_t operations = 0;
  int64_t fewest_operations = 0;  // of a seed
  int64_t commits = 0;
  double simulated_seconds = 0;
  double wall_seconds = 0;
  std::map<std::string, int64_t> hits;
  std::vector<Failure> failures;
};

// NOT_FOUND if there is no such scenario.
[[nodiscard]] absl::StatusOr<Report> RunCampaign(const CampaignOptions& options);

}  // namespace holdfast::sim
