// The SQL engine passes the suite: over PostgreSQL, at both isolation levels. The suite's tests are
// storage/conformance_*_test.cc.
#include "holdfast/storage/conformance.h"
#include "tests/postgres/engine_fixture.h"

namespace holdfast::storage {
namespace {

EngineCase Case(std::string name, batch::Isolation isolation,
                std::vector<IndexDefinition> indexes) {
  return {.name = std::move(name),
          .env = [] { return std::make_unique<RealSuiteEnv>(); },
          .make = [isolation, indexes = std::move(indexes)](
                      Env& env) { return OpenEngine(env, EngineOptions(isolation, indexes)); }};
}

INSTANTIATE_TEST_SUITE_P(
    Postgres, EngineConformance,
    ::testing::Values(Case("ReadCommitted", batch::Isolation::kReadCommitted, {}),
                      // Where a scan's conditions are pushed down.
                      Case("SerializableIndexed", batch::Isolation::kSerializable,
                           {{.kind = kVpc, .paths = {"size"}}})),
    CaseName);

}  // namespace
}  // namespace holdfast::storage
