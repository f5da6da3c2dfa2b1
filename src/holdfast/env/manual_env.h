// The Env for tests: one thread, virtual time, and a seeded choice among the tasks that could run.
// The same seed gives the same run; other seeds give other orders of what is concurrent.
//
// Nothing runs but inside of run(), run_until(), run_until_idle() and advance(). Time stands still
// while anything is runnable. For one thread only, whatever the interfaces promise.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "holdfast/env/env.h"

namespace holdfast {

class ManualEnv final : public Env {
 public:
  // How much virtual time run() and run_until() let pass before they give up: periodic work would
  // keep a test that waits for something impossible busy for ever.
  static constexpr Duration kPatience = Seconds(3600);
  // Wall time at the start: 2024-01-01T00:00:00Z.
  static constexpr Timestamp kStart = Timestamp(1'704'067'200'000'000);

  explicit ManualEnv(uint64_t seed = 1);
  // Drops what is still suspended or waiting; destructors of coroutine frames run in here.
  ~ManualEnv() override;
  ManualEnv(const ManualEnv&) = delete;
  ManualEnv& operator=(const ManualEnv&) = delete;

  [[nodiscard]] Clock& clock() override;
  [[nodiscard]] Random& random() override;
  [[nodiscard]] Executor executor() override;
  [[nodiscard]] Task<void> sleep(Duration d) override;
  void post_after(Duration d, std::function<void()> f) override;
  // Runs the work as tasks of this env, in order.
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override;

  // Runs all that can run now, without letting time pass.
  void run_until_idle();
  // Runs until `holds`, asked after every step, letting time pass where nothing else is to do.
  // Returns false if it can't come true: nothing is left to run, or `patience` has passed.
  [[nodiscard]] bool run_until(const std::function<bool()>& holds, Duration patience = kPatience);
  // Lets `d` of time pass, running what falls due on the way.
  void advance(Duration d);

  // Runs the task to its end and returns its result. Fails a check where run_until returns false.
  template <class T>
  T run(Task<T> task, Duration patience = kPatience) {
    if constexpr (std::is_void_v<T>) {
      run_to_end(std::move(task), patience);
    } else {
      std::optional<T> result;
      run_to_end(KeepResult(std::move(task), &result), patience);
      return std::move(*result);
    }
  }

 private:
  struct Core;

  void run_to_end(Task<void> task, Duration patience);

  std::unique_ptr<Core> core_;
};

}  // namespace holdfast
