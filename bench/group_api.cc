#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/groups.h"
#include "bench/handwritten.h"
#include "bench/holdfastd.h"
#include "bench/remote.h"
#include "bench/server.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

constexpr int kClients = 32;

enum class Checks { kNone, kForeignKeys };

// The rows of a VPC with its reference, as somebody would lay them out by hand.
std::vector<std::string> VpcSchema(Checks checks) {
  const bool keys = checks == Checks::kForeignKeys;
  const auto fill = [](const std::string& table, int rows) {
    return absl::StrCat("INSERT INTO ", table,
                        " SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid "
                        "FROM generate_series(0, ",
                        rows - 1, ") n");
  };
  return {"CREATE TABLE project (id uuid PRIMARY KEY)",
          "CREATE TABLE zone (id uuid PRIMARY KEY)",
          fill("project", kProjects),
          fill("zone", kZones),
          absl::StrCat("CREATE TABLE vpc (id uuid PRIMARY KEY, parent uuid NOT NULL ",
                       keys ? "REFERENCES project" : "",
                       ", name text NOT NULL, body text NOT NULL, UNIQUE (parent, name))"),
          absl::StrCat("CREATE TABLE vpc_zone (zone uuid NOT NULL ", keys ? "REFERENCES zone" : "",
                       ", vpc uuid NOT NULL, field text NOT NULL, PRIMARY KEY (zone, vpc))")};
}

class VpcClient final : public HandwrittenClient {
 public:
  VpcClient(const std::string& dsn, int client) : HandwrittenClient(dsn, client) {
    pq_.prepare("v", "INSERT INTO vpc (id, parent, name, body) VALUES ($1, $2, $3, $4)");
    pq_.prepare("z", "INSERT INTO vpc_zone (zone, vpc, field) VALUES ($1, $2, 'zone')");
    pq_.enter_pipeline();
  }

  void once() override {
    const std::string id = ids_.uuid();
    // The fixed ids of organizations serve for projects and zones too.
    pq_.send("v", std::array{id, OrganizationId(ids_.below(kProjects)), id, Body()});
    pq_.send("z", std::array{OrganizationId(ids_.below(kZones)), id});
    HF_CHECK(pq_.finish(2) == 1);
  }
};

Contender MakeVpcPipeline(const std::string& name, const Setting& setting, Checks checks) {
  const std::string dsn = setting.cluster.create_database();
  RunAll(dsn, VpcSchema(checks));
  std::vector<std::unique_ptr<HandwrittenClient>> clients;
  for (int n = 0; n < kClients; ++n) clients.push_back(std::make_unique<VpcClient>(dsn, n));
  return MakeThreads(name, std::move(clients), setting.stretch);
}

Contender MakeLoad(const std::string& name, const Setting& setting, const Holdfastd& server,
                   const std::string& work) {
  const LoadOptions options{.work = work, .clients = kClients, .stretch = setting.stretch};
  return {.name = name, .run = [&server, options] {
            const LoadResult result = RunLoad(server, options);
            HF_CHECK(result.failed == 0) << result.failed << " calls failed";
            return result.sample;
          }};
}

}  // namespace

void CompareCreateVpc(const Setting& setting) {
  const Holdfastd server({.database = PostgresDatabase(setting.cluster.create_database())});
  Remote(server.grpc(), 1).fill();
  const std::vector<Measured> measured =
      Compare({MakeVpcPipeline("pipeline, no checks", setting, Checks::kNone),
               MakeVpcPipeline("pipeline, foreign keys", setting, Checks::kForeignKeys),
               MakeLoad("CreateVpc", setting, server, "vpc")},
              setting.rounds);
  setting.report.add("a VPC with a parent and a reference, 32 clients", measured);
  setting.report.ratio("api_vs_pipeline", Ratios(measured, "CreateVpc", "pipeline, no checks"),
                       0.5);
}

void CompareHotLimit(const Setting& setting) {
  const Holdfastd server({.database = PostgresDatabase(setting.cluster.create_database())});
  Remote(server.grpc(), 1).fill();
  const std::vector<Measured> measured =
      Compare({MakeLoad("without a limit", setting, server, "mark"),
               MakeLoad("from one limit", setting, server, "slot")},
              setting.rounds);
  setting.report.add("creates below one project, 32 clients", measured);
  setting.report.ratio("hot_limit_vs_none", Ratios(measured, "from one limit", "without a limit"),
                       0.25);
}

}  // namespace holdfast::bench
