// Runs simulated clusters: one seed with its trace, or many.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "sim/run/breaker.h"
#include "sim/run/campaign.h"

namespace holdfast::sim {
namespace {

// Exit codes. 1 is for a bad command line.
constexpr int kGood = 0;
constexpr int kBroken = 3;
constexpr int kStuck = 4;
constexpr int kCrashed = 5;

// What is running now, for the handler of signals.
char now_running[128];

void OnCrash(int /*signal*/) {
  // Only what a handler may do.
  const char* words[] = {"sim: CRASHED in ", now_running, "\n"};
  for (const char* word : words) {
    if (write(STDERR_FILENO, word, std::strlen(word)) < 0) break;
  }
  _exit(kCrashed);
}

void Announce(const Scenario& scenario, uint64_t seed) {
  std::snprintf(now_running, sizeof(now_running), "--workload %s --seed %llu",
                scenario.name.c_str(), static_cast<unsigned long long>(seed));
}

void PrintFailure(const Failure& failure) {
  for (const std::string& line : failure.result.trace) std::cout << line << "\n";
  const std::string where =
      "--workload " + failure.scenario + " --seed " + std::to_string(failure.seed);
  std::cout << failure.what << "\nagain: sim " << where << " --trace\n";
}

int CodeOf(const Report& report) {
  if (report.failures.empty()) return kGood;
  return report.failures.front().result.verdict == RunResult::Verdict::kStuck ? kStuck : kBroken;
}

nlohmann::json ToJson(const Report& report) {
  nlohmann::json json = {
      {"seeds", report.seeds},
      {"operations", report.operations},
      {"commits", report.commits},
      {"fewest_operations", report.fewest_operations},
      {"simulated_hours", report.simulated_seconds / 3600},
      {"wall_seconds", report.wall_seconds},
      {"operations_per_second", static_cast<double>(report.operations) / report.wall_seconds},
      {"simulated_per_wall", report.simulated_seconds / report.wall_seconds},
      {"failures", report.failures.size()},
      {"hits", report.hits},
      {"fault_classes", FaultClasses()}};
  return json;
}

int Main(int argc, char** argv) {
  CLI::App app{"Simulated clusters, broken on purpose. Each run is made from its seed."};
  CampaignOptions options;
  std::string json_file;
  bool trace = false;
  int64_t seed = -1;
  app.add_option("--workload", options.scenario,
                 "a file of sim/scenarios; all in turn if not given");
  app.add_option("--seed", seed, "just this one");
  app.add_option("--first", options.first, "the first of many seeds");
  app.add_option("--seeds", options.seeds, "how many");
  app.add_option("--step", options.step, "from one seed to the next");
  app.add_option("--max-failures", options.max_failures, "stop after so many");
  app.add_option("--seconds", options.seconds, "begin no other seed after so long");
  app.add_flag("--twice", options.twice, "each seed twice: the traces must be the same");
  app.add_flag("--trace", trace, "print every event");
  app.add_option("--hashes", options.hash_file, "write each seed's trace hash into this file");
  app.add_option("--json", json_file, "write the sums into this file");
  CLI11_PARSE(app, argc, argv);
  if (seed >= 0) options.first = static_cast<uint64_t>(seed), options.seeds = 1;
  if (trace) options.listener = [](const TraceEvent& event) { std::cout << event.str() << "\n"; };
  options.announce = &Announce;
  for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, &OnCrash);

  const absl::StatusOr<Report> report = RunCampaign(options);
  if (!report.ok()) {
    std::cerr << "sim: " << report.status().message() << "\n";
    return 1;
  }
  for (const Failure& failure : report->failures) PrintFailure(failure);
  const std::string text = ToJson(*report).dump();
  std::cout << text << "\n";
  if (!json_file.empty()) std::ofstream(json_file) << text << "\n";
  return CodeOf(*report);
}

}  // namespace
}  // namespace holdfast::sim

int main(int argc, char** argv) { return holdfast::sim::Main(argc, argv); }
