#include "holdfast/feed/purge.h"

#include <gtest/gtest.h>

#include <utility>

#include "holdfast/env/manual_env.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::feed {
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

TEST(Purge, ForgetsWhatIsOlderThanTheRetention) {
  ManualEnv env;
  const auto engine = storage::NewMemoryEngine(env);
  LeaveTombstone(env, *engine);
  OneShot stopping;
  OneShot stopped;
  int64_t forgotten = 0;
  PurgeOptions options;
  options.retention = Seconds(3600);
  options.on_purged = [&](const storage::PurgeResult& result) { forgotten += result.tombstones; };
  Spawn(env, PurgeForever(env, *engine, options, stopping, stopped));
  env.advance(Seconds(3500));
  EXPECT_TRUE(IsRemembered(env, *engine));
  env.advance(Seconds(200));
  EXPECT_FALSE(IsRemembered(env, *engine));
  EXPECT_EQ(forgotten, 1);
  stopping.set();
  env.advance(Seconds(1));
  EXPECT_TRUE(stopped.is_set());
}

}  // namespace
}  // namespace holdfast::feed
