#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "bench/delay_proxy.h"
#include "bench/groups.h"
#include "bench/handwritten.h"
#include "bench/open.h"
#include "bench/ours.h"
#include "bench/project.h"
#include "bench/server.h"

namespace holdfast::bench {
namespace {

constexpr std::chrono::microseconds kOneWay{500};
constexpr int kClients = 8;
constexpr int kManyClients = 32;
constexpr size_t kConnections = 16;  // the driver's default

std::string NewProjectDatabase(const Setting& setting) {
  std::string dsn = setting.cluster.create_database();
  RunAll(dsn, ProjectSchema());
  return dsn;
}

}  // namespace

void CompareProjectCreate(const Setting& setting) {
  const std::string dsn = NewProjectDatabase(setting);
  const auto database = OpenDatabase(setting.env, dsn, kConnections);
  const Stretch stretch = setting.stretch;
  const std::vector<Measured> measured =
      Compare({MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, kClients, stretch),
               MakeBatch("batch", setting.env, *database, kClients, stretch),
               MakeHandwritten("interactive", Handwritten::kInteractive, dsn, kClients, stretch),
               MakeHandwritten("saga", Handwritten::kSaga, dsn, kClients, stretch),
               MakeHandwritten("one CTE", Handwritten::kCte, dsn, kClients, stretch)},
              setting.rounds);
  setting.report.add("project create, 8 clients", measured);
  setting.report.ratio("batch_vs_pipeline_8", Ratios(measured, "batch", "pipeline"), 0.95);
  setting.report.ratio("batch_vs_interactive_8", Ratios(measured, "batch", "interactive"), 1.8);
  setting.report.ratio("batch_vs_saga_8", Ratios(measured, "batch", "saga"), 10);
}

void CompareProjectCreateManyClients(const Setting& setting) {
  const std::string dsn = NewProjectDatabase(setting);
  const auto database = OpenDatabase(setting.env, dsn, kConnections);
  const std::vector<Measured> measured = Compare(
      {MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, kManyClients, setting.stretch),
       MakeBatch("batch", setting.env, *database, kManyClients, setting.stretch)},
      setting.rounds);
  setting.report.add("project create, 32 clients", measured);
  setting.report.ratio("batch_vs_pipeline_32", Ratios(measured, "batch", "pipeline"), 0.95);
}

void CompareProjectCreateDelayed(const Setting& setting) {
  const std::string direct = NewProjectDatabase(setting);
  const DelayProxy proxy(setting.cluster.port(), kOneWay);
  const std::string dsn = ThroughPort(setting.cluster, direct, proxy.port());
  const auto database = OpenDatabase(setting.env, dsn, kConnections);
  const Stretch stretch = setting.stretch;
  const std::vector<Measured> measured =
      Compare({MakeHandwritten("pipeline", Handwritten::kPipeline, dsn, kClients, stretch),
               MakeBatch("batch", setting.env, *database, kClients, stretch),
               MakeHandwritten("interactive", Handwritten::kInteractive, dsn, kClients, stretch),
               MakeHandwritten("saga", Handwritten::kSaga, dsn, kClients, stretch),
               MakeHandwritten("one CTE", Handwritten::kCte, dsn, kClients, stretch)},
              setting.rounds);
  setting.report.add("project create, 8 clients, 1 ms to the server and back", measured);
  setting.report.ratio("batch_vs_interactive_8_1ms", Ratios(measured, "batch", "interactive"), 5);
}

}  // namespace holdfast::bench
