// What a node runs on, as interfaces only. Everything above asks its Env for time, timers, random
// numbers and a place to run, so that a simulator can give it others.
//
// `real_env/real_env.h` is the real thing; `env/manual_env.h` the one for tests: one thread,
// virtual time, a seeded choice among the tasks that could run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "holdfast/base/types.h"
#include "holdfast/env/task.h"

namespace holdfast {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time. May jump: never decides safety.
  [[nodiscard]] virtual Timestamp now() = 0;
  // Time since some start; never goes back. For deadlines and measurements.
  [[nodiscard]] virtual Duration monotonic() = 0;
};

// Thread-safe. Draws are in program order: never two draws in one expression.
class Random {
 public:
  virtual ~Random() = default;
  [[nodiscard]] virtual uint64_t next() = 0;
};

// Runs blocking work (a database file's single writer) one piece after another, in order.
// Thread-safe. The destructor finishes what was posted.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual void post(std::function<void()> work) = 0;
};

class Env {
 public:
  virtual ~Env() = default;
  [[nodiscard]] virtual Clock& clock() = 0;
  [[nodiscard]] virtual Random& random() = 0;
  // Where coroutines run. Several threads may serve it: state that coroutines share needs a
  // mutex, never held over a co_await.
  [[nodiscard]] virtual Executor executor() = 0;
  // Returns after `d`, on the executor. Ends early only when the Env is being destroyed.
  [[nodiscard]] virtual Task<void> sleep(Duration d) = 0;
  // Runs `f` on the executor after `d`.
  virtual void post_after(Duration d, std::function<void()> f) = 0;
  [[nodiscard]] virtual std::unique_ptr<Worker> make_worker(std::string_view name) = 0;
};

// Starts `task` on the env's executor, and lets it go. An exception out of it is a bug and aborts.
void Spawn(Env& env, Task<void> task);

// Runs `f` on the env's executor soon.
void Post(Env& env, std::function<void()> f);

// A fresh UUIDv7 (RFC 9562) from the env's clock and randomness.
[[nodiscard]] Uid NewUid(Env& env);

}  // namespace holdfast
