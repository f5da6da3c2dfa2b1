#include <memory>
#include <string>

#include "bench/groups.h"
#include "bench/handwritten.h"
#include "bench/open.h"
#include "bench/ours.h"
#include "bench/project.h"
#include "bench/server.h"

namespace holdfast::bench {
namespace {

constexpr int kClients = 8;

}  // namespace

void CompareEngineProject(const Setting& setting) {
  const std::string dsn = setting.cluster.create_database();
  RunAll(dsn, ProjectSchema());
  const auto engine = OpenEngine(setting.env, setting.cluster.create_database());
  FillEngine(setting.env, *engine);
  const std::vector<Measured> measured = Compare(
      {MakeHandwritten("10 inserts", Handwritten::kPlainPipeline, dsn, kClients, setting.stretch),
       MakeEngineProject("engine", setting.env, *engine, kClients, setting.stretch)},
      setting.rounds);
  setting.report.add("project create as resources, 8 clients", measured);
  setting.report.ratio("engine_vs_pipeline", Ratios(measured, "engine", "10 inserts"), 1.0);
}

void CompareCheckedCreate(const Setting& setting) {
  const Stretch stretch = setting.stretch;
  const std::string random = setting.cluster.create_database();
  RunAll(random, ForeignKeySchema(kTargets));
  const std::string hot = setting.cluster.create_database();
  RunAll(hot, ForeignKeySchema(1));
  const auto engine = OpenEngine(setting.env, setting.cluster.create_database());
  FillEngine(setting.env, *engine);
  const std::vector<Measured> measured = Compare(
      {MakeForeignKey("foreign key, random", random, kTargets, kClients, stretch),
       MakeCheckedCreate("engine, random", setting.env, *engine, Target::kRandom, kClients,
                         stretch),
       MakeForeignKey("foreign key, hot", hot, 1, kClients, stretch),
       MakeCheckedCreate("engine, hot", setting.env, *engine, Target::kHot, kClients, stretch)},
      setting.rounds);
  setting.report.add("one create with a checked reference, 8 clients", measured);
  setting.report.ratio("checked_vs_fk_random",
                       Ratios(measured, "engine, random", "foreign key, random"), 0.9);
  setting.report.ratio("checked_vs_fk_hot", Ratios(measured, "engine, hot", "foreign key, hot"),
                       0.9);
}

}  // namespace holdfast::bench
