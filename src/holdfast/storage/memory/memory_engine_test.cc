#include "holdfast/storage/memory/memory_engine.h"

#include "holdfast/storage/conformance.h"

namespace holdfast::storage {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, EngineConformance,
                         ::testing::Values(EngineCase{
                             .name = "Memory",
                             .make = [](Env& env) { return NewMemoryEngine(env); }}),
                         CaseName);

TEST(MemoryEngine, SnapshotMayOutliveTheEngine) {
  ManualEnv env;
  std::unique_ptr<Engine> engine = NewMemoryEngine(env, {.incarnation = "one"});
  EXPECT_EQ(engine->incarnation(), "one");
  Batch batch{.label = "test", .ops = {CreateRow{.row = NewRow(Vpc("a"))}}};
  ASSERT_TRUE(env.run(engine->commit(batch)).ok());
  const auto snapshot = env.run(engine->snapshot());
  ASSERT_TRUE(snapshot.ok());
  engine.reset();
  const auto page = env.run((*snapshot)->scan({}));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->rows.size(), 1);
}

}  // namespace
}  // namespace holdfast::storage
