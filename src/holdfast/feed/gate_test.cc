#include "holdfast/feed/gate.h"

#include <gtest/gtest.h>

#include <vector>

#include "holdfast/env/manual_env.h"

namespace holdfast::feed {
namespace {

Task<void> Visit(Env& env, Gate& gate, int id, int& inside, std::vector<int>& order) {
  const Gate::Pass pass = co_await gate.enter();
  EXPECT_LE(++inside, 2);
  order.push_back(id);
  co_await env.sleep(Seconds(1));
  --inside;
}

TEST(Gate, LetsInSoManyAtOnceAndTheOthersInTheirOrder) {
  ManualEnv env;
  Gate gate(2);
  int inside = 0;
  std::vector<int> order;
  for (int id = 0; id < 6; ++id) {
    Spawn(env, Visit(env, gate, id, inside, order));
    env.run_until_idle();
  }
  EXPECT_EQ(order, std::vector<int>({0, 1}));
  env.advance(Seconds(1));
  EXPECT_EQ(order.size(), 4);
  env.advance(Seconds(1));
  EXPECT_EQ(order.size(), 6);
  EXPECT_TRUE(order[2] < order[4] && order[3] < order[5]);
  env.advance(Seconds(1));
  EXPECT_EQ(inside, 0);
}

}  // namespace
}  // namespace holdfast::feed
