#include "holdfast/env/event.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <exception>
#include <limits>
#include <string>
#include <vector>

#include "holdfast/env/manual_env.h"

namespace holdfast {
namespace {

Task<void> Await(OneShot event, int& done) {
  co_await event.wait();
  ++done;
}

TEST(OneShot, LetsAllPassOnceItIsSet) {
  ManualEnv env;
  OneShot event;
  int done = 0;
  for (int i = 0; i < 3; ++i) Spawn(env, Await(event, done));
  env.run_until_idle();
  EXPECT_EQ(done, 0);
  EXPECT_FALSE(event.is_set());
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_EQ(done, 0) << "nobody is resumed inside of set()";
  env.run_until_idle();
  EXPECT_EQ(done, 3);
  event.set();
  env.run(Await(event, done));
  EXPECT_EQ(done, 4);
}

TEST(OneShot, CopiesAreTheSameEvent) {
  const OneShot event;
  OneShot copy = event;
  copy.set();
  EXPECT_TRUE(event.is_set());
}

TEST(OneShot, ATaskThatWaitsKeepsTheEvent) {
  ManualEnv env;
  auto event = std::make_unique<OneShot>();
  OneShot copy = *event;
  Task<void> wait = event->wait();
  event.reset();
  copy.set();
  env.run(std::move(wait));
}

Task<void> AwaitChange(Signal signal, uint64_t seen, int& done) {
  co_await signal.wait(seen);
  ++done;
}

TEST(Signal, WakesAllThatWaitForAChange) {
  ManualEnv env;
  Signal signal;
  int done = 0;
  const uint64_t seen = signal.generation();
  for (int i = 0; i < 3; ++i) Spawn(env, AwaitChange(signal, seen, done));
  env.run_until_idle();
  EXPECT_EQ(done, 0);
  signal.notify();
  EXPECT_EQ(done, 0) << "nobody is resumed inside of notify()";
  env.run_until_idle();
  EXPECT_EQ(done, 3);
}

TEST(Signal, DoesNotLoseANotifyBetweenLookAndWait) {
  ManualEnv env;
  Signal signal;
  const uint64_t seen = signal.generation();
  signal.notify();
  int done = 0;
  env.run(AwaitChange(signal, seen, done));
  EXPECT_EQ(done, 1);
}

TEST(Signal, KeepsWaitingThroughAnOldNotify) {
  ManualEnv env;
  Signal signal;
  signal.notify();
  int done = 0;
  Spawn(env, AwaitChange(signal, signal.generation(), done));
  env.run_until_idle();
  EXPECT_EQ(done, 0);
}

// The pattern of event.h: moves items one by one until `last` has come.
Task<void> Consume(Signal signal, const int& produced, int& consumed, int last) {
  while (consumed < last) {
    const uint64_t seen = signal.generation();
    if (consumed < produced) {
      ++consumed;
      continue;
    }
    co_await signal.wait(seen);
  }
}

Task<void> Produce(Env& env, Signal signal, int& produced, int last) {
  while (produced < last) {
    ++produced;
    signal.notify();
    const uint64_t draw = env.random().next() % 2;
    if (draw == 0) co_await env.sleep(Duration(0));
  }
}

TEST(Signal, ConsumersSeeAllThatProducersMadeInEveryOrder) {
  constexpr int kItems = 30;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    ManualEnv env(seed);
    Signal signal;
    int produced = 0;
    int consumed = 0;
    Spawn(env, Produce(env, signal, produced, kItems));
    env.run(Consume(signal, produced, consumed, kItems));
    EXPECT_EQ(consumed, kItems);
  }
}

struct Outcome {
  bool moved;
  Duration at;
};

Task<Outcome> WaitFor(Env& env, Signal signal, Duration at_most) {
  const bool moved = co_await signal.wait_for(env, signal.generation(), at_most);
  co_return Outcome{moved, env.clock().monotonic()};
}

TEST(SignalWaitFor, EndsWithItsTimeIfNothingMoves) {
  ManualEnv env;
  const Outcome outcome = env.run(WaitFor(env, Signal(), Seconds(3)));
  EXPECT_FALSE(outcome.moved);
  EXPECT_EQ(outcome.at, Seconds(3));
}

TEST(SignalWaitFor, EndsAtTheNotify) {
  ManualEnv env;
  Signal signal;
  env.post_after(Seconds(1), [&signal] { signal.notify(); });
  const Outcome outcome = env.run(WaitFor(env, signal, Seconds(3)));
  EXPECT_TRUE(outcome.moved);
  EXPECT_EQ(outcome.at, Seconds(1));
}

TEST(SignalWaitFor, EndsAtOnceIfTheSignalHasMovedOrThereIsNoTime) {
  ManualEnv env;
  Signal signal;
  signal.notify();
  EXPECT_TRUE(env.run(signal.wait_for(env, 0, Seconds(3))));
  EXPECT_FALSE(env.run(signal.wait_for(env, 1, Duration(0))));
  EXPECT_FALSE(env.run(signal.wait_for(env, 1, Seconds(-1))));
  EXPECT_EQ(env.clock().monotonic(), Duration(0));
}

TEST(SignalWaitFor, TakesTheLongestDurationThatThereIs) {
  ManualEnv env;
  Signal signal;
  env.post_after(Seconds(1), [&signal] { signal.notify(); });
  EXPECT_TRUE(env.run(signal.wait_for(env, 0, Duration(std::numeric_limits<int64_t>::max()))));
}

Task<void> Note(Env& env, Signal signal, Duration at_most, std::vector<Duration>& ends) {
  const bool moved = co_await signal.wait_for(env, signal.generation(), at_most);
  if (!moved) ends.push_back(env.clock().monotonic());
}

TEST(SignalWaitFor, EachWaitEndsAtItsOwnTime) {
  ManualEnv env;
  const Signal signal;
  std::vector<Duration> ends;
  for (const int64_t seconds : {5, 2, 9, 2, 7}) {
    Spawn(env, Note(env, signal, Seconds(seconds), ends));
  }
  env.advance(Seconds(20));
  EXPECT_EQ(ends, (std::vector{Seconds(2), Seconds(2), Seconds(5), Seconds(7), Seconds(9)}));
}

// Passes everything on, and counts the timers that are under way.
class CountingEnv final : public Env {
 public:
  explicit CountingEnv(ManualEnv& env) : env_(env) {}
  [[nodiscard]] Clock& clock() override { return env_.clock(); }
  [[nodiscard]] Random& random() override { return env_.random(); }
  [[nodiscard]] Executor executor() override { return env_.executor(); }
  [[nodiscard]] Task<void> sleep(Duration d) override { return env_.sleep(d); }
  void post_after(Duration d, std::function<void()> f) override {
    most_timers_ = std::max(most_timers_, ++timers_);
    env_.post_after(d, [this, f = std::move(f)] {
      --timers_;
      f();
    });
  }
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override {
    return env_.make_worker(name);
  }
  [[nodiscard]] int most_timers() const { return most_timers_; }

 private:
  ManualEnv& env_;
  int timers_ = 0;
  int most_timers_ = 0;
};

Task<void> LoopWithTimeLimit(Env& env, Signal signal, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const uint64_t seen = signal.generation();
    (void)co_await signal.wait_for(env, seen, Seconds(30));
  }
}

TEST(SignalWaitFor, PilesUpNoTimersWhenItIsWokenOftenAndEarly) {
  ManualEnv env;
  CountingEnv counting(env);
  Signal signal;
  Spawn(env, LoopWithTimeLimit(counting, signal, 10'000));
  for (int i = 0; i < 10'000; ++i) {
    env.advance(Milliseconds(1));
    signal.notify();
  }
  env.advance(Seconds(100));
  EXPECT_LE(counting.most_timers(), 2);
}

TEST(SignalDeathTest, RefusesTimeLimitsOfTwoEnvs) {
  EXPECT_DEATH(
      {
        ManualEnv one;
        ManualEnv other;
        const Signal signal;
        std::vector<Duration> ends;
        Spawn(one, Note(one, signal, Seconds(1), ends));
        Spawn(other, Note(other, signal, Seconds(1), ends));
        one.run_until_idle();
        other.run_until_idle();
      },
      "two Envs");
}

Task<bool> ResumesOnItsStrand(boost::asio::strand<Executor> strand, OneShot event) {
  co_await event.wait();
  co_return strand.running_in_this_thread();
}

TEST(OneShot, ResumesAWaiterOnItsOwnExecutor) {
  ManualEnv env;
  const auto strand = boost::asio::make_strand(env.executor());
  OneShot event;
  bool on_strand = false;
  bool done = false;
  boost::asio::co_spawn(strand, ResumesOnItsStrand(strand, event),
                        [&](const std::exception_ptr&, bool result) {
                          on_strand = result;
                          done = true;
                        });
  env.run_until_idle();
  event.set();
  env.run_until_idle();
  EXPECT_TRUE(done);
  EXPECT_TRUE(on_strand);
}

}  // namespace
}  // namespace holdfast
