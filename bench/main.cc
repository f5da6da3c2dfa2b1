#include "bench/main.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_join.h"
#include "bench/server.h"

namespace holdfast::bench {
namespace {

struct Flags {
  int rounds = 5;
  double seconds = 1.5;
  std::string folder = "build/bench";
  std::vector<std::string> only;
};

void Run(const Flags& flags, const std::string& name, const std::vector<Group>& groups) {
  const std::unique_ptr<testing::PostgresCluster> cluster = StartServer();
  RealEnv env;
  Report report(name);
  report.fact("postgresql", cluster->sql("SHOW server_version").value_or("?"));
  report.fact("settings", absl::StrJoin(Settings(), " "));
  const Setting setting{.cluster = *cluster,
                        .env = env,
                        .report = report,
                        .rounds = {.count = flags.rounds, .postmaster = cluster->postmaster_pid()},
                        .stretch = {.seconds = flags.seconds}};
  const Clock::time_point start = Clock::now();
  for (const auto& [group, run] : groups) {
    const bool wanted = flags.only.empty() ||
                        std::find(flags.only.begin(), flags.only.end(), group) != flags.only.end();
    if (wanted) run(setting);
  }
  report.finish(flags.folder);
  const std::chrono::duration<double> took = Clock::now() - start;
  std::cout << "in " << static_cast<int>(took.count()) << " s\n";
}

}  // namespace

int RunGroups(int argc, char** argv, const std::string& name, const std::vector<Group>& groups) {
  CLI::App app("Compares Holdfast with what one would write by hand; see bench/README.md.");
  Flags flags;
  app.add_option("--rounds", flags.rounds, "how often each contender runs")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "how long, each time")->capture_default_str();
  app.add_option("--out", flags.folder, "where the JSON goes")->capture_default_str();
  app.add_option("--only", flags.only, "some of the comparisons, by name");
  CLI11_PARSE(app, argc, argv);
  Run(flags, name, groups);
  return 0;
}

}  // namespace holdfast::bench
