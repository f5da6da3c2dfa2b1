#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/groups.h"
#include "bench/holdfastd.h"
#include "bench/remote.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

constexpr int kClients = 32;
constexpr int kManyInFlight = 512;  // nobody waits for a free client at half load

using Figures = std::vector<std::pair<std::string, double>>;

// Processor time and the server's own clock, before and after a stretch.
struct Accounts {
  double machine = 0;
  double holdfastd = 0;
  std::map<std::string, double> postgres;
  double requests = 0;
  double request_seconds = 0;
  double commits = 0;
  double commit_seconds = 0;

  [[nodiscard]] static Accounts Now(const Holdfastd& server, pid_t postmaster) {
    return {.machine = CpuOfMachine(),
            .holdfastd = CpuSeconds(server.pid()),
            .postgres = CpuOfServer(postmaster),
            .requests = server.metric("holdfast_request_seconds_count"),
            .request_seconds = server.metric("holdfast_request_seconds_sum"),
            .commits = server.metric("holdfast_commit_seconds_count"),
            .commit_seconds = server.metric("holdfast_commit_seconds_sum")};
  }
};

struct Side {
  std::string name;
  std::unique_ptr<Holdfastd> server;
  bool postgres = false;
  double half_load = 0;  // calls a second
};

// Where the time of one request goes, in us: what a client waits for, and what processors do.
Figures Breakdown(const Side& side, const LoadResult& load, const Accounts& a, const Accounts& b) {
  const double requests = b.requests - a.requests;
  HF_CHECK(requests > 0 && b.commits > a.commits) << "the server doesn't measure what we show";
  const auto each = [&](double seconds) { return seconds / requests * 1e6; };
  const double in_server = each(b.request_seconds - a.request_seconds);
  const double in_commit = each(b.commit_seconds - a.commit_seconds);
  const double calls = static_cast<double>(load.sample.done);
  const double generator = load.cpu_seconds / calls * 1e6;
  Figures figures = {{"mean latency as the client sees it, us", load.sample.mean_us},
                     {"  client, gRPC, waiting for a processor", load.sample.mean_us - in_server},
                     {"  server: decode, check, plan, answer", in_server - in_commit},
                     {"  server: commit (driver, database, disk)", in_commit},
                     {"processor time a call, us", each(b.machine - a.machine)},
                     {"  load generator", generator},
                     {"  holdfastd", each(b.holdfastd - a.holdfastd)}};
  double rest = each(b.machine - a.machine) - generator - each(b.holdfastd - a.holdfastd);
  if (side.postgres) {
    for (const char* kind : {"backends", "others"}) {
      const double cpu = each(b.postgres.at(kind) - a.postgres.at(kind));
      figures.emplace_back(absl::StrCat("  PostgreSQL: ", kind), cpu);
      rest -= cpu;
    }
  }
  figures.emplace_back("  the rest of the machine", rest);
  return figures;
}

double CapacityOf(const Side& side, const Setting& setting) {
  return RunLoad(*side.server, {.work = "vpc", .clients = kClients, .stretch = setting.stretch})
      .sample.per_second;
}

}  // namespace

void MeasureHalfLoad(const Setting& setting) {
  std::string folder = (std::filesystem::temp_directory_path() / "holdfast-bench-XXXXXX").string();
  HF_CHECK(mkdtemp(folder.data()) != nullptr);
  std::vector<Side> sides(2);
  sides[0] = {.name = "SQLite",
              .server = std::make_unique<Holdfastd>(
                  HoldfastdOptions{.database = SqliteDatabase(folder + "/bench.db")})};
  sides[1] = {.name = "PostgreSQL",
              .server = std::make_unique<Holdfastd>(HoldfastdOptions{
                  .database = PostgresDatabase(setting.cluster.create_database())}),
              .postgres = true};
  std::vector<Contender> contenders;
  std::map<std::string, Figures> breakdowns;  // of the last round
  for (Side& side : sides) {
    Remote(side.server->grpc(), 1).fill();
    side.half_load = CapacityOf(side, setting) / 2;
    contenders.push_back({.name = side.name, .run = [&] {
                            const LoadOptions load{.work = "vpc",
                                                   .clients = kManyInFlight,
                                                   .rate = side.half_load,
                                                   .stretch = setting.stretch};
                            const auto postmaster = setting.cluster.postmaster_pid();
                            const Accounts before = Accounts::Now(*side.server, postmaster);
                            const LoadResult result = RunLoad(*side.server, load);
                            const Accounts after = Accounts::Now(*side.server, postmaster);
                            breakdowns[side.name] = Breakdown(side, result, before, after);
                            return result.sample;
                          }});
  }
  const std::vector<Measured> measured = Compare(contenders, setting.rounds);
  setting.report.add("CreateVpc at half load: calls a second, latency", measured);
  for (const Side& side : sides) {
    setting.report.figures("where the time goes at half load, " + side.name, breakdowns[side.name]);
  }
  sides.clear();
  std::filesystem::remove_all(folder);
}

}  // namespace holdfast::bench
