// The comparisons of the benchmark programs, each on a database of its own. bench/README.md says
// what each of them means.
#pragma once

#include "bench/compare.h"
#include "bench/report.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::bench {

struct Setting {
  testing::PostgresCluster& cluster;
  RealEnv& env;
  Report& report;
  Rounds rounds;
  Stretch stretch;
};

// bench_batch.
void CompareProjectCreate(const Setting& setting);             // every way, 8 clients
void CompareProjectCreateManyClients(const Setting& setting);  // pipelines, 32 clients
void CompareProjectCreateDelayed(const Setting& setting);      // 1 ms to the server and back
void CompareEngineProject(const Setting& setting);
void CompareCheckedCreate(const Setting& setting);
void CompareDuringLargeDelete(const Setting& setting);

// bench_api.
void CompareCreateVpc(const Setting& setting);
void CompareHotLimit(const Setting& setting);
void MeasureHalfLoad(const Setting& setting);
void CompareImport(const Setting& setting);

}  // namespace holdfast::bench
