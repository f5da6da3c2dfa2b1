#include "sim/run/campaign.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

using WallClock = std::chrono::steady_clock;

double SecondsSince(WallClock::time_point start) {
  return std::chrono::duration<double>(WallClock::now() - start).count();
}

std::string WhatHappened(const RunResult& result) {
  if (result.violation.has_value()) {
    std::string text =
        absl::StrCat("BROKEN: ", result.violation->rule, ": ", result.violation->what);
    for (const ResourceKey& key : result.violation->keys)
      absl::StrAppend(&text, "\n  ", key.name.str());
    return text;
  }
  return "STUCK";
}

void Add(const RunResult& result, Report& report) {
  const bool first = report.seeds == 0;
  ++report.seeds;
  report.operations += result.operations;
  report.commits += result.commits;
  report.fewest_operations =
      first ? result.operations : std::min(report.fewest_operations, result.operations);
  report.simulated_seconds += static_cast<double>(result.time.value()) / 1e6;
  for (const auto& [what, n] : result.hits) report.hits[what] += n;
}

}  // namespace

absl::StatusOr<Report> RunCampaign(const CampaignOptions& options) {
  std::vector<const Scenario*> scenarios;
  for (const Scenario& scenario : Scenarios()) {
    if (options.scenario.empty() || scenario.name == options.scenario) {
      scenarios.push_back(&scenario);
    }
  }
  if (scenarios.empty()) {
    return absl::NotFoundError(absl::StrCat("no file sim/scenarios/", options.scenario, ".yaml"));
  }
  std::ofstream hashes;
  if (!options.hash_file.empty()) hashes.open(options.hash_file);
  Report report;
  const WallClock::time_point start = WallClock::now();
  for (uint64_t i = 0; i < options.seeds; ++i) {
    if (options.seconds > 0 && SecondsSince(start) >= options.seconds) break;
    const uint64_t seed = options.first + i * options.step;
    const Scenario& scenario = *scenarios[seed % scenarios.size()];
    if (options.announce) options.announce(scenario, seed);
    RunResult result = Simulate(scenario, seed, options.listener);
    Add(result, report);
    if (hashes.is_open()) hashes << scenario.name << " " << seed << " " << result.hash << "\n";
    std::string what;
    if (result.verdict != RunResult::Verdict::kGood) what = WhatHappened(result);
    if (what.empty() && options.twice) {
      const RunResult again = Simulate(scenario, seed);
      Add(again, report);
      if (again.hash != result.hash) what = "NOT THE SAME: two runs of one seed differ";
      if (again.hash != result.hash) result.verdict = RunResult::Verdict::kBroken;
    }
    if (what.empty()) continue;
    report.failures.push_back({scenario.name, seed, std::move(what), std::move(result)});
    if (report.failures.size() >= options.max_failures) break;
  }
  report.wall_seconds = SecondsSince(start);
  return report;
}

}  // namespace holdfast::sim
