// The SQL engine passes the suite: over SQLite.
#include <utility>

#include "holdfast/base/check.h"
#include "holdfast/storage/conformance.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::storage {
namespace {

std::unique_ptr<Engine> OpenSqlite(Env& env, std::vector<IndexDefinition> indexes) {
  auto engine = OpenSqliteEngine(env, {.path = ":memory:", .indexes = std::move(indexes)});
  HF_CHECK(engine.ok()) << engine.status().ToString();
  return *std::move(engine);
}

INSTANTIATE_TEST_SUITE_P(
    Sqlite, EngineConformance,
    ::testing::Values(
        EngineCase{.name = "Plain", .make = [](Env& env) { return OpenSqlite(env, {}); }},
        // Where a scan's conditions are pushed down.
        EngineCase{
            .name = "Indexed",
            .make = [](Env& env) { return OpenSqlite(env, {{.kind = kVpc, .paths = {"size"}}}); }}),
    CaseName);

}  // namespace
}  // namespace holdfast::storage
