#include "holdfast/real_env/real_env.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "holdfast/env/event.h"

namespace holdfast {
namespace {

Task<void> WaitFor(OneShot event) { co_await event.wait(); }

Task<void> NoteThread(std::thread::id& id) {
  id = std::this_thread::get_id();
  co_return;
}

TEST(RealEnv, RunsTasksOnItsOwnThreads) {
  RealEnv env;
  std::thread::id id;
  env.run(NoteThread(id));
  EXPECT_NE(id, std::thread::id());
  EXPECT_NE(id, std::this_thread::get_id());
}

// Each of the tasks can only go on once the other runs too.
TEST(RealEnv, ServesItsExecutorWithSeveralThreads) {
  RealEnv env({.threads = 2});
  std::atomic<int> arrived = 0;
  OneShot done;
  for (int i = 0; i < 2; ++i) {
    Post(env, [&arrived, done]() mutable {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
      done.set();
    });
  }
  env.run(WaitFor(done));
  EXPECT_EQ(arrived.load(), 2);
}

Task<void> SleepTwice(Env& env, std::vector<Duration>& times) {
  times.push_back(env.clock().monotonic());
  co_await env.sleep(Milliseconds(3));
  times.push_back(env.clock().monotonic());
  co_await env.sleep(Seconds(-1));
  times.push_back(env.clock().monotonic());
}

TEST(RealEnv, SleepsAtLeastAsLongAsAsked) {
  RealEnv env;
  std::vector<Duration> times;
  env.run(SleepTwice(env, times));
  ASSERT_EQ(times.size(), 3u);
  EXPECT_GE(times[1].value() - times[0].value(), Milliseconds(3).value());
  EXPECT_GE(times[2], times[1]);
}

TEST(RealEnv, RunsWhatIsPostedForLaterInTheOrderOfTime) {
  RealEnv env({.threads = 1});
  std::string order;
  OneShot done;
  Post(env, [&] {  // on the only thread, so that both are set before either fires
    env.post_after(Milliseconds(5), [&order, done]() mutable {
      order += 'b';
      done.set();
    });
    env.post_after(Milliseconds(1), [&order] { order += 'a'; });
  });
  env.run(WaitFor(done));
  EXPECT_EQ(order, "ab");
}

TEST(RealEnv, TakesTheLongestDurationThatThereIs) {
  RealEnv env;
  env.post_after(Duration(std::numeric_limits<int64_t>::max()),
                 [] { ADD_FAILURE() << "wrapped around"; });
  OneShot done;
  env.post_after(Milliseconds(1), [done]() mutable { done.set(); });
  env.run(WaitFor(done));
}

TEST(RealEnv, DrawsDifferentNumbersFromSeveralThreads) {
  RealEnv env;
  std::array<std::vector<uint64_t>, 4> drawn;
  std::vector<std::thread> threads;
  for (auto& numbers : drawn) {
    threads.emplace_back([&env, &numbers] {
      for (int i = 0; i < 1000; ++i) numbers.push_back(env.random().next());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (const auto& numbers : drawn) all.insert(numbers.begin(), numbers.end());
  EXPECT_EQ(all.size(), 4000u);
  EXPECT_FALSE(all.contains(0)) << "a number that had been handed out and wiped";
}

TEST(RealEnv, MakesUidsThatDiffer) {
  RealEnv env;
  EXPECT_NE(NewUid(env), NewUid(env));
}

// One step of many: every task waits for the next generation, the last to arrive makes it.
struct Barrier {
  std::atomic<int> arrived = 0;
  Signal signal;
};

Task<void> Meet(Barrier& barrier, int parties, int rounds, std::atomic<int>& left, OneShot done) {
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seen = barrier.signal.generation();
    if (barrier.arrived.fetch_add(1) + 1 == parties) {
      barrier.arrived.store(0);
      barrier.signal.notify();
    } else {
      co_await barrier.signal.wait(seen);
    }
  }
  if (left.fetch_sub(1) == 1) done.set();
}

// A single lost wake-up would leave the barrier waiting for ever.
TEST(RealEnv, SignalsLoseNoWakeUpBetweenThreads) {
  constexpr int kParties = 8;
  constexpr int kRounds = 5000;
  RealEnv env({.threads = 4});
  Barrier barrier;
  std::atomic<int> left = kParties;
  OneShot done;
  for (int i = 0; i < kParties; ++i) Spawn(env, Meet(barrier, kParties, kRounds, left, done));
  env.run(WaitFor(done));
  EXPECT_EQ(left.load(), 0);
}

Task<void> WaitBriefly(Env& env, Signal signal, const std::atomic<bool>& stop,
                       std::atomic<int>& left, OneShot done) {
  int64_t length = 0;
  while (!stop.load()) {
    const uint64_t seen = signal.generation();
    length = (length + 17) % 200;
    (void)co_await signal.wait_for(env, seen, Duration(length));
  }
  if (left.fetch_sub(1) == 1) done.set();
}

// Time limits and notifies race for the same waiters: each waiter is resumed once, and never not.
TEST(RealEnv, TimeLimitsAndNotifiesResumeEachWaiterOnce) {
  constexpr int kWaiters = 8;
  RealEnv env({.threads = 4});
  Signal signal;
  std::atomic<bool> stop = false;
  std::atomic<int> left = kWaiters;
  OneShot done;
  for (int i = 0; i < kWaiters; ++i) Spawn(env, WaitBriefly(env, signal, stop, left, done));
  for (int i = 0; i < 20'000; ++i) signal.notify();
  stop.store(true);
  env.run(WaitFor(done));
  EXPECT_EQ(left.load(), 0);
}

TEST(RealWorker, RunsItsWorkInOrderOnOneThread) {
  RealEnv env;
  std::vector<int> order;
  std::set<std::thread::id> threads;
  {
    const auto worker = env.make_worker("a name that is too long for a thread");
    for (int i = 0; i < 1000; ++i) {
      worker->post([&order, &threads, i] {
        order.push_back(i);
        threads.insert(std::this_thread::get_id());
      });
    }
  }
  ASSERT_EQ(order.size(), 1000u) << "the destructor finishes what was posted";
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(threads.size(), 1u);
}

TEST(RealWorker, WakesCoroutines) {
  RealEnv env;
  const auto worker = env.make_worker("writer");
  OneShot done;
  worker->post([done]() mutable { done.set(); });
  env.run(WaitFor(done));
  EXPECT_TRUE(done.is_set());
}

// Says when it is destroyed, and uses the env for it.
class Witness {
 public:
  Witness(Env& env, std::atomic<int>& gone) : env_(env), gone_(gone) {}
  ~Witness() {
    EXPECT_GE(env_.clock().monotonic(), Duration(0));
    Post(env_, [] { ADD_FAILURE() << "nothing runs any more"; });
    gone_.fetch_add(1);
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  Env& env_;
  std::atomic<int>& gone_;
};

Task<void> SleepWithWitness(Env& env, OneShot started, std::atomic<int>& gone) {
  const Witness witness(env, gone);
  started.set();
  co_await env.sleep(Seconds(3600));
}

// Holds the signal that it waits for: a circle, if the env didn't break it.
Task<void> WaitWithWitness(Env& env, Signal signal, OneShot started, std::atomic<int>& gone) {
  const Witness witness(env, gone);
  const uint64_t seen = signal.generation();
  started.set();
  co_await signal.wait(seen);
}

TEST(RealEnv, UnwindsAllSuspendedTasksWhenItGoes) {
  std::atomic<int> gone = 0;
  {
    RealEnv env;
    OneShot sleeping;
    OneShot waiting;
    Spawn(env, SleepWithWitness(env, sleeping, gone));
    Spawn(env, WaitWithWitness(env, Signal(), waiting, gone));
    env.run(WaitFor(sleeping));
    env.run(WaitFor(waiting));
    EXPECT_EQ(gone.load(), 0);
    env.stop();
    env.stop();
    EXPECT_EQ(gone.load(), 0);
  }
  EXPECT_EQ(gone.load(), 2);
}

TEST(RealEnv, RunsNothingAfterStop) {
  std::atomic<int> ran = 0;
  {
    RealEnv env;
    env.stop();
    for (int i = 0; i < 100; ++i) Post(env, [&ran] { ran.fetch_add(1); });
    env.post_after(Duration(0), [&ran] { ran.fetch_add(1); });
  }
  EXPECT_EQ(ran.load(), 0);
}

}  // namespace
}  // namespace holdfast
