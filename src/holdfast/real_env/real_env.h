// The real Env: an Asio io_context served by several threads, the system's clocks, libcrypto's
// random numbers (fit for keys).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "holdfast/env/env.h"

namespace holdfast {

struct RealEnvOptions {
  // How many threads serve the executor. 0: as many as there are cores, and at least 2, so that one
  // piece of work that takes long doesn't stop everything.
  int threads = 0;
};

// Starts its threads at once.
class RealEnv final : public Env {
 public:
  explicit RealEnv(RealEnvOptions options = {});
  // stop(), then drops what is still suspended or queued. Workers must be gone before.
  ~RealEnv() override;
  RealEnv(const RealEnv&) = delete;
  RealEnv& operator=(const RealEnv&) = delete;

  // Waits for the tasks that are running this instant; no other one starts any more. May be called
  // twice, but not on a thread of this env.
  void stop();

  // Runs the task on the executor, waits for its end on the calling thread, which must not be one
  // of this env, and returns its result: the way in for programs without coroutines. Not after or
  // during stop().
  template <class T>
  T run(Task<T> task) {
    if constexpr (std::is_void_v<T>) {
      run_to_end(std::move(task));
    } else {
      std::optional<T> result;
      run_to_end(KeepResult(std::move(task), &result));
      return std::move(*result);
    }
  }

  [[nodiscard]] Clock& clock() override;
  [[nodiscard]] Random& random() override;
  [[nodiscard]] Executor executor() override;
  [[nodiscard]] Task<void> sleep(Duration d) override;
  void post_after(Duration d, std::function<void()> f) override;
  // A thread of its own. `name` is the thread's, as tools like top show it (cut to 15 bytes).
  // Must not be destroyed by its own work.
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override;

 private:
  void run_to_end(Task<void> task);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
