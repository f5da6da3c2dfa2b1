#include "sim/env/node_env.h"

#include <gtest/gtest.h>

#include "holdfast/env/event.h"

namespace holdfast::sim {
namespace {

class NodeEnvTest : public ::testing::Test {
 protected:
  std::shared_ptr<Scheduler> scheduler_ = std::make_shared<Scheduler>(1);
  NodeEnv env_{scheduler_, 1};
};

TEST_F(NodeEnvTest, HasAWallClockThatMayBeWrong) {
  EXPECT_EQ(env_.clock().now(), NodeEnv::kStart);
  env_.set_clock_error(Seconds(-30));
  EXPECT_EQ(env_.clock().now() - NodeEnv::kStart, Seconds(-30));
  EXPECT_EQ(env_.clock().monotonic(), Seconds(0));
  env_.set_clock_error(Seconds(0));
  EXPECT_EQ(env_.clock().now(), NodeEnv::kStart);
}

TEST_F(NodeEnvTest, RunsTooFastOrTooSlowTimersIncluded) {
  env_.set_drift(100'000);  // a tenth too fast
  bool rang = false;
  env_.post_after(Seconds(11), [&rang] { rang = true; });
  scheduler_->advance(Milliseconds(9'900));
  EXPECT_FALSE(rang);
  scheduler_->advance(Milliseconds(101));
  EXPECT_TRUE(rang);
  EXPECT_GE(env_.clock().monotonic(), Seconds(11));
  // Time that has been shown stays.
  const Duration before = env_.clock().monotonic();
  env_.set_drift(-100'000);
  EXPECT_EQ(env_.clock().monotonic(), before);
  scheduler_->advance(Seconds(10));
  EXPECT_EQ(env_.clock().monotonic().value() - before.value(), Seconds(9).value());
}

Task<void> WaitFor(NodeEnv& env, Signal signal, Duration at_most, bool* done) {
  const bool moved = co_await signal.wait_for(env, signal.generation(), at_most);
  EXPECT_FALSE(moved);
  *done = true;
}

TEST_F(NodeEnvTest, RingsForWhoWaitsWhateverTheDrift) {
  for (int64_t ppm = -50'000; ppm <= 50'000; ppm += 97) {
    env_.set_drift(ppm);
    bool done = false;
    Spawn(env_, WaitFor(env_, Signal(), Milliseconds(1'234), &done));
    scheduler_->advance(Milliseconds(5));
    env_.set_drift(ppm / 2);
    EXPECT_TRUE(scheduler_->run_until([&] { return done; }, Seconds(3))) << ppm;
  }
}

}  // namespace
}  // namespace holdfast::sim
