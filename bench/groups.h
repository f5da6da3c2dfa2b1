// The comparisons of bench_batch, each on a database of its own.
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
  int rounds = 5;
  Stretch stretch;
};

// "Project create" as plain SQL, without delay: every way with 8 clients, pipelines with 32.
void CompareProjectCreate(const Setting& setting);
void CompareProjectCreateManyClients(const Setting& setting);
// The same with 1 ms to the database and back.
void CompareProjectCreateDelayed(const Setting& setting);

}  // namespace holdfast::bench
