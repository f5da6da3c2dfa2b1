#include "holdfast/env/manual_env.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "holdfast/env/waiter.h"

namespace holdfast {
namespace {

using Work = absl::AnyInvocable<void()>;

// std::mt19937_64 gives the same numbers everywhere; the standard's distributions don't.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  [[nodiscard]] uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class VirtualClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override { return ManualEnv::kStart + elapsed_; }
  [[nodiscard]] Duration monotonic() override { return elapsed_; }
  void set(Duration elapsed) { elapsed_ = elapsed; }

 private:
  Duration elapsed_;
};

}  // namespace

// What could run, and what will at its time. Once closed it runs nothing and keeps nothing: work
// that still arrives (Asio posts the unwinding of a dropped coroutine) is destroyed on the spot.
class ManualEnv::Core final : public boost::asio::execution_context {
 public:
  // Two streams: what tasks draw doesn't depend on how often the scheduler had to choose.
  explicit Core(uint64_t seed) : random(seed), choice_(~seed) {}
  ~Core() { close(); }

  void add(Work work) {
    if (!closed_) runnable_.push_back(std::move(work));
  }

  void add_timer(Duration after, Work work) {
    const int64_t wait = std::max<int64_t>(after.value(), 0);
    const Duration due(clock.monotonic().value() + wait);
    if (!closed_) timers_.emplace(std::pair(due, ++last_timer_), std::move(work));
  }

  // Runs one task; false if none can run.
  bool step() {
    if (runnable_.empty()) return false;
    HF_CHECK(++steps_ <= kMaxStepsAtOneTime) << "livelock: tasks go on, time doesn't";
    const size_t chosen = runnable_.size() == 1 ? 0 : choice_.next() % runnable_.size();
    std::swap(runnable_[chosen], runnable_.back());
    Work work = std::move(runnable_.back());
    runnable_.pop_back();
    work();
    return true;
  }

  // Moves the clock to the next timers and makes all that are due then runnable; false if there
  // is none until `limit`.
  bool next_time(Duration limit) {
    if (timers_.empty() || timers_.begin()->first.first > limit) return false;
    const Duration now = std::max(clock.monotonic(), timers_.begin()->first.first);
    set_time(now);
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      runnable_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    return true;
  }

  void set_time(Duration elapsed) {
    if (elapsed != clock.monotonic()) steps_ = 0;
    clock.set(elapsed);
  }

  void close() {
    closed_ = true;
    shutdown();  // drops the coroutines that wait for events
    const auto runnable = std::exchange(runnable_, {});
    const auto timers = std::exchange(timers_, {});
  }

  VirtualClock clock;
  SeededRandom random;

 private:
  bool closed_ = false;
  SeededRandom choice_;
  int64_t steps_ = 0;
  uint64_t last_timer_ = 0;
  std::vector<Work> runnable_;
  std::map<std::pair<Duration, uint64_t>, Work> timers_;
};

// What any_io_executor asks of an executor: its context, equality, and never to block: everything
// goes through the queue, so that every hop is a choice of the scheduler.
class ManualEnv::CoreExecutor {
 public:
  explicit CoreExecutor(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t /*property*/) const noexcept {
    return *core_;
  }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t /*property*/) noexcept {
    return boost::asio::execution::blocking.never;
  }
  [[nodiscard]] bool operator==(const CoreExecutor& other) const noexcept {
    return core_ == other.core_;
  }
  template <class F>
  void execute(F&& f) const {
    core_->add(Work(std::forward<F>(f)));
  }

 private:
  std::shared_ptr<Core> core_;  // shared: coroutines that outlive the env find it closed
};

// One task of the env at a time stands for the whole queue.
class ManualEnv::SerialWorker final : public Worker {
 public:
  explicit SerialWorker(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~SerialWorker() override {
    while (RunOne(*state_)) {
    }
  }
  SerialWorker(const SerialWorker&) = delete;
  SerialWorker& operator=(const SerialWorker&) = delete;

  void post(std::function<void()> work) override {
    state_->queue.push_back(std::move(work));
    if (!std::exchange(state_->scheduled, true)) Schedule(core_, state_);
  }

 private:
  struct State {
    std::deque<std::function<void()>> queue;
    bool scheduled = false;
  };

  static bool RunOne(State& state) {
    if (state.queue.empty()) return false;
    const std::function<void()> work = std::move(state.queue.front());
    state.queue.pop_front();
    work();
    return true;
  }

  static void Schedule(const std::shared_ptr<Core>& core, const std::shared_ptr<State>& state) {
    core->add([core = std::weak_ptr(core), state] {
      RunOne(*state);
      state->scheduled = !state->queue.empty();
      const std::shared_ptr<Core> alive = core.lock();
      if (state->scheduled && alive != nullptr) Schedule(alive, state);
    });
  }

  std::shared_ptr<Core> core_;                                // as executors do
  std::shared_ptr<State> state_ = std::make_shared<State>();  // shared with the scheduled task
};

ManualEnv::ManualEnv(uint64_t seed) : core_(std::make_shared<Core>(seed)) {}

ManualEnv::~ManualEnv() { core_->close(); }

Clock& ManualEnv::clock() { return core_->clock; }
Random& ManualEnv::random() { return core_->random; }
Executor ManualEnv::executor() { return CoreExecutor(core_); }

Task<void> ManualEnv::sleep(Duration d) {
  using boost::asio::use_awaitable;
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
      [core = core_, d](auto handler) {
        const internal::Waiter waiter = internal::Waiter::Of(std::move(handler));
        core->add_timer(d, [waiter] { waiter.resume(); });
      },
      use_awaitable);
}

void ManualEnv::post_after(Duration d, std::function<void()> f) {
  core_->add_timer(d, std::move(f));
}

std::unique_ptr<Worker> ManualEnv::make_worker(std::string_view /*name*/) {
  return std::make_unique<SerialWorker>(core_);
}

void ManualEnv::run_until_idle() {
  while (core_->step()) {
  }
}

bool ManualEnv::run_until(const std::function<bool()>& holds, Duration patience) {
  const Duration limit(core_->clock.monotonic().value() + patience.value());
  while (!holds()) {
    if (!core_->step() && !core_->next_time(limit)) return false;
  }
  return true;
}

void ManualEnv::advance(Duration d) {
  const Duration target(core_->clock.monotonic().value() + d.value());
  do {
    run_until_idle();
  } while (core_->next_time(target));
  core_->set_time(target);
  run_until_idle();
}

void ManualEnv::drive(const std::function<bool()>& done, Duration patience) {
  HF_CHECK(run_until(done, patience))
      << "deadlock: the task waits for what no other task and no timer brings";
}

}  // namespace holdfast
