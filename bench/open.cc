#include "bench/open.h"

#include <utility>

#include "holdfast/base/check.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::bench {

std::unique_ptr<batch::Database> OpenDatabase(RealEnv& env, const std::string& dsn,
                                              size_t connections) {
  auto opened = env.run(batch::OpenPostgres(env, {.dsn = dsn, .connections = connections}));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  return *std::move(opened);
}

std::unique_ptr<storage::Engine> OpenEngine(RealEnv& env, const std::string& dsn) {
  auto opened =
      env.run(storage::OpenPostgresEngine(env, {.postgres = {.dsn = dsn, .schema = "bench"}}));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  return *std::move(opened);
}

}  // namespace holdfast::bench
