// The SQL engine over PostgreSQL answers like the memory engine, whatever happens.
#include "holdfast/testing/covers.h"
#include "tests/postgres/engine_fixture.h"

namespace holdfast::storage {
namespace {

ModelRun RunAt(batch::Isolation isolation) {
  return {.seeds = 8,
          .batches_per_seed = 100,
          .env = [] { return std::make_unique<RealSuiteEnv>(); },
          .make =
              [isolation](Env& env) {
                return OpenEngine(env,
                                  EngineOptions(isolation, {{.kind = kVpc, .paths = {"size"}}}));
              }};
}

TEST(PostgresEngineModel, AnswersLikeMemoryAtReadCommitted) {
  HF_COVERS("T1", "T2");
  RunModel(RunAt(batch::Isolation::kReadCommitted));
}

TEST(PostgresEngineModel, AnswersLikeMemoryAtSerializable) {
  HF_COVERS("T1", "T2");
  RunModel(RunAt(batch::Isolation::kSerializable));
}

}  // namespace
}  // namespace holdfast::storage
