#include "holdfast/server/token_key.h"

#include <gtest/gtest.h>

#include <vector>

#include "holdfast/env/manual_env.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::server {
namespace {

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

}  // namespace
}  // namespace holdfast::server
