#include "holdfast/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace holdfast {
namespace {

struct Count {
  Mutex mutex;
  int value ABSL_GUARDED_BY(mutex) = 0;
};

TEST(Mutex, IsHeldByOneThreadAtATime) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10'000;
  Count count;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&count] {
      for (int round = 0; round < kRounds; ++round) {
        const MutexLock lock(count.mutex);
        ++count.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(count.mutex);
  EXPECT_EQ(count.value, kThreads * kRounds);
}

// It ends only if each wait gives the mutex back, and the sum is right only if each has it again.
TEST(CondVar, WaitsWithoutTheMutexAndReturnsWithIt) {
  constexpr int kRounds = 1000;
  Count turn;
  CondVar changed;
  const auto take_turns = [&turn, &changed](int own) {
    for (int round = 0; round < kRounds; ++round) {
      const MutexLock lock(turn.mutex);
      while (turn.value % 2 != own) changed.wait(turn.mutex);
      ++turn.value;
      changed.notify_all();
    }
  };
  std::thread other(take_turns, 1);
  take_turns(0);
  other.join();
  const MutexLock lock(turn.mutex);
  EXPECT_EQ(turn.value, 2 * kRounds);
}

}  // namespace
}  // namespace holdfast
