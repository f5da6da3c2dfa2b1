// The Env of a suite that runs on engines of both sorts: some run in virtual time (ManualEnv), a
// server's only in ours (RealEnv).
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/env/manual_env.h"

namespace holdfast::storage {

class SuiteEnv : public Env {
 public:
  // Runs the tasks at once, to the end of all.
  virtual void run_all(std::vector<Task<void>> tasks) = 0;
  // Lets the clock move on.
  virtual void advance(Duration d) = 0;

  template <class T>
  T run(Task<T> task) {
    std::vector<Task<void>> tasks;
    if constexpr (std::is_void_v<T>) {
      tasks.push_back(std::move(task));
      run_all(std::move(tasks));
    } else {
      std::optional<T> result;
      tasks.push_back(Keep(std::move(task), result));
      run_all(std::move(tasks));
      return *std::move(result);
    }
  }

 private:
  template <class T>
  static Task<void> Keep(Task<T> task, std::optional<T>& result) {
    result.emplace(co_await std::move(task));
  }
};

// Everything but time and runs is another Env's.
template <class Inner>
class ForwardingEnv : public SuiteEnv {
 public:
  template <class... Args>
  explicit ForwardingEnv(Args&&... args) : inner_(std::forward<Args>(args)...) {}

  [[nodiscard]] Clock& clock() override { return inner_.clock(); }
  [[nodiscard]] Random& random() override { return inner_.random(); }
  [[nodiscard]] Executor executor() override { return inner_.executor(); }
  [[nodiscard]] Task<void> sleep(Duration d) override { return inner_.sleep(d); }
  void post_after(Duration d, std::function<void()> f) override {
    inner_.post_after(d, std::move(f));
  }
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override {
    return inner_.make_worker(name);
  }

 protected:
  Inner inner_;
};

class ManualSuiteEnv final : public ForwardingEnv<ManualEnv> {
 public:
  explicit ManualSuiteEnv(uint64_t seed = 1) : ForwardingEnv(seed) {}

  void run_all(std::vector<Task<void>> tasks) override {
    size_t left = tasks.size();
    for (Task<void>& task : tasks) Spawn(inner_, Count(std::move(task), left));
    HF_CHECK(inner_.run_until([&left] { return left == 0; })) << "a task doesn't end";
  }
  void advance(Duration d) override { inner_.advance(d); }

 private:
  static Task<void> Count(Task<void> task, size_t& left) {
    co_await std::move(task);
    --left;
  }
};

}  // namespace holdfast::storage
