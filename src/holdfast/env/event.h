// How coroutines wait for each other. Both are handles to shared state: copies are the same event.
// Thread-safe; waiters are resumed on their own executor, never inside notify().
#pragma once

#include <memory>

#include "holdfast/env/env.h"

namespace holdfast {

// Set once, stays set.
class OneShot {
 public:
  OneShot();
  void set();
  [[nodiscard]] bool is_set() const;
  // Returns at once if it is set.
  [[nodiscard]] Task<void> wait();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared by setter and waiters, whoever lives longer
};

// "Something may have changed: look again." A notify that comes between look and wait isn't lost:
//   for (;;) { uint64_t seen = signal.generation(); look(); co_await signal.wait(seen); }
class Signal {
 public:
  Signal();
  void notify();
  [[nodiscard]] uint64_t generation() const;
  // Returns when the generation isn't `seen` any more.
  [[nodiscard]] Task<void> wait(uint64_t seen);
  // The same, or after `at_most`. Returns true if the generation has moved.
  [[nodiscard]] Task<bool> wait_for(Env& env, uint64_t seen, Duration at_most);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace holdfast
