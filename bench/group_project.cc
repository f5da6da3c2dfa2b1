#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/delay_proxy.h"
#include "bench/groups.h"
#include "bench/handwritten.h"
#include "bench/project.h"
#include "bench/server.h"

namespace holdfast::bench {
namespace {

constexpr std::chrono::microseconds kOneWay{500};

}  // namespace

void CompareProjectCreate(const Setting& setting) {
  const std::string dsn = setting.cluster.create_database();
  RunAll(dsn, ProjectSchema());
  const std::vector<Measured> measured =
      Compare({MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, 8, setting.stretch),
               MakeHandwritten("interactive", Handwritten::kInteractive, dsn, 8, setting.stretch),
               MakeHandwritten("saga", Handwritten::kSaga, dsn, 8, setting.stretch),
               MakeHandwritten("one CTE", Handwritten::kCte, dsn, 8, setting.stretch)},
              setting.rounds);
  setting.report.add("project create, 8 clients", measured);
}

void CompareProjectCreateManyClients(const Setting& setting) {
  const std::string dsn = setting.cluster.create_database();
  RunAll(dsn, ProjectSchema());
  const std::vector<Measured> measured =
      Compare({MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, 32, setting.stretch)},
              setting.rounds);
  setting.report.add("project create, 32 clients", measured);
}

void CompareProjectCreateDelayed(const Setting& setting) {
  const std::string direct = setting.cluster.create_database();
  RunAll(direct, ProjectSchema());
  const DelayProxy proxy(setting.cluster.port(), kOneWay);
  const std::string dsn = ThroughPort(setting.cluster, direct, proxy.port());
  const std::vector<Measured> measured =
      Compare({MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, 8, setting.stretch),
               MakeHandwritten("interactive", Handwritten::kInteractive, dsn, 8, setting.stretch),
               MakeHandwritten("saga", Handwritten::kSaga, dsn, 8, setting.stretch),
               MakeHandwritten("one CTE", Handwritten::kCte, dsn, 8, setting.stretch)},
              setting.rounds);
  setting.report.add("project create, 8 clients, 1 ms to the server and back", measured);
}

}  // namespace holdfast::bench
