#include "holdfast/base/check.h"
#include "holdfast/storage/engine_model.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

TEST(EngineModel, SqlAnswersLikeMemoryWhateverHappens) {
  HF_COVERS("T1", "T2", "B3");
  RunModel({.seeds = 24,
            .batches_per_seed = 150,
            .env = [] { return std::make_unique<ManualSuiteEnv>(); },
            .make = [](Env& env) -> std::unique_ptr<Engine> {
              auto sql = OpenSqliteEngine(
                  env, {.path = ":memory:", .indexes = {{.kind = kVpc, .paths = {"size"}}}});
              HF_CHECK(sql.ok()) << sql.status().ToString();
              return *std::move(sql);
            }});
}

}  // namespace
}  // namespace holdfast::storage
