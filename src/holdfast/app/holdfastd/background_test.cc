#include "holdfast/app/holdfastd/background.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "holdfast/env/manual_env.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::app {
namespace {

const ResourceKey kKey = {KindName("a.example.com/A"), ResourceName("as/a")};

// A resource that was there and is gone.
void LeaveTombstone(ManualEnv& env, storage::Engine& engine) {
  storage::Batch create;
  storage::Row row;
  row.key = kKey;
  row.uid = Uid("uid");
  row.version = Version(1);
  row.body = "";
  create.add(storage::CreateRow{row, {}, {}});
  ASSERT_TRUE(env.run(engine.commit(std::move(create))).ok());
  storage::Batch erase;
  erase.add(storage::EraseRow{kKey, row.uid, std::nullopt, env.clock().now(), {}, {}});
  ASSERT_TRUE(env.run(engine.commit(std::move(erase))).ok());
}

bool IsRemembered(ManualEnv& env, storage::Engine& engine) {
  const auto snapshot = env.run(engine.snapshot());
  const auto rows = env.run((*snapshot)->get({kKey}, storage::Fields::kShadow));
  return rows->at(0).has_value();
}

TEST(TokenKey, IsMadeOnceAndTheSameForAllNodes) {
  ManualEnv env;
  const auto engine = storage::NewMemoryEngine(env);
  const auto first = env.run(LoadTokenKey(env, *engine));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->size(), 64);
  EXPECT_EQ(env.run(LoadTokenKey(env, *engine)).value(), *first);
}

TEST(TokenKey, IsAgreedOnByNodesThatStartTogether) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    ManualEnv env(seed);
    const auto engine = storage::NewMemoryEngine(env);
    std::vector<std::string> keys;
    const auto node = [](ManualEnv& e, storage::Engine& on,
                         std::vector<std::string>& out) -> Task<void> {
      const absl::StatusOr<std::string> key = co_await LoadTokenKey(e, on);
      out.push_back(key.value_or("none"));
    };
    for (int i = 0; i < 3; ++i) Spawn(env, node(env, *engine, keys));
    env.run_until_idle();
    ASSERT_EQ(keys.size(), 3);
    EXPECT_EQ(keys[0], keys[1]);
    EXPECT_EQ(keys[0], keys[2]);
  }
}

TEST(Purge, ForgetsWhatIsOlderThanTheRetention) {
  ManualEnv env;
  const auto engine = storage::NewMemoryEngine(env);
  LeaveTombstone(env, *engine);
  OneShot stopping;
  OneShot stopped;
  Spawn(env, PurgeForever(env, *engine, Seconds(3600), stopping, stopped));
  env.advance(Seconds(3500));
  EXPECT_TRUE(IsRemembered(env, *engine));
  env.advance(Seconds(200));
  EXPECT_FALSE(IsRemembered(env, *engine));
  stopping.set();
  env.advance(Seconds(1));
  EXPECT_TRUE(stopped.is_set());
}

}  // namespace
}  // namespace holdfast::app
