// bench_batch: our batch and our engine beside what one would write by hand with libpq.
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_join.h"
#include "bench/groups.h"
#include "bench/server.h"

namespace holdfast::bench {
namespace {

struct Flags {
  int rounds = 5;
  double seconds = 2;
  std::string folder = "build/bench";
  std::vector<std::string> only;
};

const std::vector<std::pair<std::string, std::function<void(const Setting&)>>>& Groups() {
  static const std::vector<std::pair<std::string, std::function<void(const Setting&)>>> groups = {
      {"project", CompareProjectCreate},
      {"many", CompareProjectCreateManyClients},
      {"delayed", CompareProjectCreateDelayed},
  };
  return groups;
}

int Run(const Flags& flags) {
  const std::unique_ptr<testing::PostgresCluster> cluster = StartServer();
  RealEnv env;
  Report report("batch");
  report.fact("server", cluster->sql("SHOW server_version").value_or("?"));
  report.fact("settings", absl::StrJoin(Settings(), " "));
  const Setting setting{.cluster = *cluster,
                        .env = env,
                        .report = report,
                        .rounds = flags.rounds,
                        .stretch = {.seconds = flags.seconds}};
  for (const auto& [name, run] : Groups()) {
    const bool wanted = flags.only.empty() ||
                        std::find(flags.only.begin(), flags.only.end(), name) != flags.only.end();
    if (wanted) run(setting);
  }
  report.finish(flags.folder);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  CLI::App app("Compares batches with other ways to do the same on PostgreSQL.");
  holdfast::bench::Flags flags;
  app.add_option("--rounds", flags.rounds, "how often each contender runs")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "how long, each time")->capture_default_str();
  app.add_option("--out", flags.folder, "where the JSON goes")->capture_default_str();
  app.add_option("--only", flags.only, "some of the comparisons, by name");
  CLI11_PARSE(app, argc, argv);
  return holdfast::bench::Run(flags);
}
