#include "holdfast/env/manual_env.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/env/event.h"

namespace holdfast {
namespace {

Task<void> Append(std::vector<std::string>& trace, std::string what) {
  trace.push_back(std::move(what));
  co_return;
}

// Notes a step, sleeps, notes another: what several of these do together is one of many orders.
Task<void> Walk(ManualEnv& env, std::string& trace, char who) {
  for (int step = 0; step < 3; ++step) {
    trace += who;
    const uint64_t draw = env.random().next() % 3;
    co_await env.sleep(Milliseconds(static_cast<int64_t>(draw)));
  }
}

std::string TraceOf(uint64_t seed) {
  ManualEnv env(seed);
  std::string trace;
  for (const char who : {'a', 'b', 'c', 'd'}) Spawn(env, Walk(env, trace, who));
  EXPECT_TRUE(env.run_until([&trace] { return trace.size() == 12; }));
  return trace;
}

TEST(ManualEnv, RunsTheSameForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(TraceOf(seed), TraceOf(seed));
}

TEST(ManualEnv, RunsInOtherOrdersForOtherSeeds) {
  std::set<std::string> traces;
  for (uint64_t seed = 1; seed <= 50; ++seed) traces.insert(TraceOf(seed));
  EXPECT_GT(traces.size(), 40u);
}

std::string PostOrderOf(uint64_t seed) {
  ManualEnv env(seed);
  std::string order;
  for (const char c : {'a', 'b', 'c'}) Post(env, [&order, c] { order += c; });
  env.run_until_idle();
  return order;
}

TEST(ManualEnv, FindsEveryOrderOfWhatIsConcurrent) {
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 200; ++seed) orders.insert(PostOrderOf(seed));
  EXPECT_EQ(orders.size(), 6u);
}

TEST(ManualEnv, DrawsDoNotDependOnTheSchedulersChoices) {
  ManualEnv quiet(7);
  ManualEnv busy(7);
  for (int i = 0; i < 10; ++i) Post(busy, [] {});
  busy.run_until_idle();
  EXPECT_EQ(quiet.random().next(), busy.random().next());
}

TEST(ManualEnv, RunsNothingByItself) {
  ManualEnv env;
  std::vector<std::string> trace;
  Spawn(env, Append(trace, "spawned"));
  Post(env, [&trace] { trace.emplace_back("posted"); });
  EXPECT_TRUE(trace.empty());
  env.run_until_idle();
  EXPECT_EQ(trace.size(), 2u);
}

Task<std::string> Greeting() { co_return "hello"; }
Task<absl::StatusOr<int>> Failing() { co_return absl::AbortedError("no"); }
Task<void> Nothing() { co_return; }

TEST(ManualEnv, RunGivesTheResultOfATask) {
  ManualEnv env;
  EXPECT_EQ(env.run(Greeting()), "hello");
  EXPECT_EQ(env.run(Failing()).status(), absl::AbortedError("no"));
  env.run(Nothing());
}

Task<Duration> SleepAndLook(Env& env, Duration d) {
  co_await env.sleep(d);
  co_return env.clock().monotonic();
}

TEST(ManualEnv, SleepsTakeExactlyTheirVirtualTime) {
  ManualEnv env;
  EXPECT_EQ(env.run(SleepAndLook(env, Seconds(1800))), Seconds(1800));
  EXPECT_EQ(env.clock().now(), ManualEnv::kStart + Seconds(1800));
  EXPECT_EQ(env.run(SleepAndLook(env, Duration(0))), Seconds(1800));
  EXPECT_EQ(env.run(SleepAndLook(env, Seconds(-1))), Seconds(1800));
}

TEST(ManualEnv, TimeStandsStillWhileAnythingCanRun) {
  ManualEnv env;
  bool timer_fired = false;
  int before_timer = 0;
  env.post_after(Duration(1), [&timer_fired] { timer_fired = true; });
  std::function<void()> again = [&] {
    if (timer_fired) return;
    if (++before_timer < 1000) Post(env, again);
  };
  Post(env, again);
  EXPECT_TRUE(env.run_until([&timer_fired] { return timer_fired; }));
  EXPECT_EQ(before_timer, 1000);
}

TEST(ManualEnv, RunUntilIdleLetsNoTimePass) {
  ManualEnv env;
  bool fired = false;
  env.post_after(Duration(1), [&fired] { fired = true; });
  env.run_until_idle();
  EXPECT_FALSE(fired);
  EXPECT_EQ(env.clock().monotonic(), Duration(0));
}

TEST(ManualEnv, AdvanceRunsWhatFallsDueOnTheWayAtItsTime) {
  ManualEnv env;
  std::vector<int64_t> fired;
  const auto note = [&] { fired.push_back(env.clock().monotonic().value()); };
  env.post_after(Duration(30), note);
  env.post_after(Duration(10), [&] {
    note();
    env.post_after(Duration(5), note);
  });
  env.post_after(Duration(41), note);
  env.advance(Duration(40));
  EXPECT_EQ(fired, (std::vector<int64_t>{10, 15, 30}));
  EXPECT_EQ(env.clock().monotonic(), Duration(40));
  env.advance(Duration(1));
  EXPECT_EQ(fired.back(), 41);
}

TEST(ManualEnv, RunUntilSaysWhenNothingCanComeAnyMore) {
  ManualEnv env;
  env.post_after(Seconds(5), [] {});
  EXPECT_FALSE(env.run_until([] { return false; }));
  EXPECT_EQ(env.clock().monotonic(), Seconds(5));
}

Task<void> Tick(Env& env) {
  for (;;) co_await env.sleep(Seconds(1));
}

TEST(ManualEnv, RunUntilLosesItsPatienceWithPeriodicWork) {
  ManualEnv env;
  Spawn(env, Tick(env));
  EXPECT_FALSE(env.run_until([] { return false; }));
  EXPECT_EQ(env.clock().monotonic(), ManualEnv::kPatience);
}

Task<void> WaitFor(OneShot event) { co_await event.wait(); }

TEST(ManualEnvDeathTest, RunFailsOnADeadlock) {
  EXPECT_DEATH(
      {
        ManualEnv env;
        env.run(WaitFor(OneShot()));
      },
      "deadlock");
}

TEST(ManualEnvDeathTest, RunFailsOnALivelock) {
  EXPECT_DEATH(
      {
        ManualEnv env;
        std::function<void()> again = [&] { Post(env, again); };
        Post(env, again);
        env.run_until_idle();
      },
      "livelock");
}

Task<void> Throw() {
  throw std::runtime_error("a bug");
  co_return;
}

TEST(SpawnDeathTest, AnExceptionOutOfATaskAborts) {
  EXPECT_DEATH(
      {
        ManualEnv env;
        Spawn(env, Throw());
        env.run_until_idle();
      },
      "an exception out of a spawned task: a bug");
}

TEST(ManualWorker, RunsItsWorkInOrderBetweenOtherTasks) {
  std::set<std::string> traces;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    ManualEnv env(seed);
    std::string trace;
    const auto worker = env.make_worker("writer");
    for (const char c : {'1', '2', '3'}) worker->post([&trace, c] { trace += c; });
    for (int i = 0; i < 3; ++i) Post(env, [&trace] { trace += '.'; });
    EXPECT_EQ(trace, "") << "work never runs inside of post()";
    env.run_until_idle();
    std::string digits = trace;
    std::erase(digits, '.');
    EXPECT_EQ(digits, "123");
    traces.insert(trace);
  }
  EXPECT_GT(traces.size(), 5u) << "other tasks run between, before and after";
}

TEST(ManualWorker, TakesWorkFromItsOwnWork) {
  ManualEnv env;
  std::string trace;
  const auto worker = env.make_worker("writer");
  worker->post([&] {
    worker->post([&trace] { trace += 'b'; });
    trace += 'a';
  });
  env.run_until_idle();
  worker->post([&trace] { trace += 'c'; });
  env.run_until_idle();
  EXPECT_EQ(trace, "abc");
}

TEST(ManualWorker, FinishesWhatWasPostedBeforeItGoes) {
  ManualEnv env;
  std::string trace;
  auto worker = env.make_worker("writer");
  for (const char c : {'1', '2', '3'}) worker->post([&trace, c] { trace += c; });
  worker.reset();
  EXPECT_EQ(trace, "123");
  env.run_until_idle();
  EXPECT_EQ(trace, "123");
}

// Says when it is destroyed, as the locals of a coroutine are when it unwinds.
class Witness {
 public:
  explicit Witness(int& gone) : gone_(gone) {}
  ~Witness() { ++gone_; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  int& gone_;
};

Task<void> SleepWithWitness(Env& env, int& gone) {
  const Witness witness(gone);
  co_await env.sleep(Seconds(60));
}

// Holds the signal that it waits for: a circle, if the env didn't break it.
Task<void> WaitWithWitness(Signal signal, int& gone) {
  const Witness witness(gone);
  const uint64_t seen = signal.generation();
  co_await signal.wait(seen);
}

Task<void> Nested(Env& env, int& gone) {
  const Witness witness(gone);
  co_await SleepWithWitness(env, gone);
}

TEST(ManualEnv, UnwindsAllSuspendedTasksWhenItGoes) {
  int gone = 0;
  {
    ManualEnv env;
    Spawn(env, SleepWithWitness(env, gone));
    Spawn(env, WaitWithWitness(Signal(), gone));
    Spawn(env, Nested(env, gone));
    env.run_until_idle();
    EXPECT_EQ(gone, 0);
  }
  EXPECT_EQ(gone, 4);
}

TEST(ManualEnv, DropsWhatNeverStartedWhenItGoes) {
  int gone = 0;
  {
    ManualEnv env;
    const auto witness = std::make_shared<Witness>(gone);
    Post(env, [witness] {});
    env.post_after(Seconds(1), [witness] {});
  }
  EXPECT_EQ(gone, 1);
}

TEST(ManualEnv, EventsThatOutliveItHurtNobody) {
  int gone = 0;
  Signal signal;
  OneShot event;
  {
    ManualEnv env;
    Spawn(env, WaitWithWitness(signal, gone));
    Spawn(env, WaitFor(event));
    env.run_until_idle();
  }
  EXPECT_EQ(gone, 1);
  signal.notify();
  event.set();
}

// A destructor that runs while the env goes may still use it.
class Cleaner {
 public:
  explicit Cleaner(Env& env) : env_(env) {}
  ~Cleaner() {
    Post(env_, [] { ADD_FAILURE() << "nothing runs any more"; });
    env_.post_after(env_.clock().monotonic(), [] { ADD_FAILURE() << "nothing runs any more"; });
  }
  Cleaner(const Cleaner&) = delete;
  Cleaner& operator=(const Cleaner&) = delete;

 private:
  Env& env_;
};

Task<void> SleepWithCleaner(Env& env) {
  const Cleaner cleaner(env);
  co_await env.sleep(Seconds(60));
}

TEST(ManualEnv, MayBeUsedByWhatUnwindsInItsDestructor) {
  ManualEnv env;
  Spawn(env, SleepWithCleaner(env));
  env.run_until_idle();
}

TEST(NewUid, IsAUuidOfVersion7) {
  ManualEnv env;
  const std::string uid = NewUid(env).str();
  ASSERT_EQ(uid.size(), 36u);
  EXPECT_EQ(uid.find_first_not_of("0123456789abcdef-"), std::string::npos);
  EXPECT_EQ(uid.substr(0, 15), "018cc251-f400-7") << "2024-01-01, version 7";
  EXPECT_NE(std::string("89ab").find(uid[19]), std::string::npos) << "variant 10";
}

TEST(NewUid, IsNewEachTimeAndSortsByTime) {
  ManualEnv env;
  std::set<Uid> uids;
  for (int i = 0; i < 1000; ++i) uids.insert(NewUid(env));
  EXPECT_EQ(uids.size(), 1000u);
  Uid last = *uids.rbegin();
  for (int i = 0; i < 2000; ++i) {
    env.advance(Duration(1));
    const Uid next = NewUid(env);
    EXPECT_LT(last, next);
    last = next;
  }
}

}  // namespace
}  // namespace holdfast
