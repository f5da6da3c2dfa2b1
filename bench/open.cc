#include "bench/open.h"

#include <utility>

#include "holdfast/base/check.h"
#if __has_include("holdfast/batch/postgres/postgres_database.h")
#include "holdfast/batch/postgres/postgres_database.h"
#define B1 1
#endif
#include "holdfast/storage/sql/open.h"

namespace holdfast::bench {
#ifdef B1

std::unique_ptr<batch::Database> OpenDatabase(RealEnv& env, const std::string& dsn,
                                              size_t connections) {
  auto opened =
      env.run(batch::OpenPostgres(env, {.dsn = dsn, .connections = connections}));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  return *std::move(opened);
}
#else
std::unique_ptr<batch::Database> OpenDatabase(RealEnv&, const std::string&, size_t) {
  return nullptr;
}
#endif
#if 1
std::unique_ptr<storage::Engine> OpenEngine(RealEnv& env, const std::string& dsn) {
  auto opened = env.run(storage::OpenPostgresEngine(env, {.postgres = {.dsn = dsn}}));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  return *std::move(opened);
}
#else
std::unique_ptr<storage::Engine> OpenEngine(RealEnv&, const std::string&) { return nullptr; }
#endif

}  // namespace holdfast::bench
