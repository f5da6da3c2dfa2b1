#include "holdfast/env/scheduler.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "holdfast/base/check.h"
#include "holdfast/env/waiter.h"

namespace holdfast {
namespace {

// The finalizer of SplitMix64: every bit of `value` reaches every bit of the hash.
uint64_t Mixed(uint64_t hash, uint64_t value) {
  hash += value + 0x9E37'79B9'7F4A'7C15;
  hash = (hash ^ hash >> 30) * 0xBF58'476D'1CE4'E5B9;
  hash = (hash ^ hash >> 27) * 0x94D0'49BB'1331'11EB;
  return hash ^ hash >> 31;
}

}  // namespace

bool Scheduler::step() {
  if (runnable_.empty()) return false;
  HF_CHECK(++steps_at_this_time_ <= kMaxStepsAtOneTime) << "livelock: tasks go on, time doesn't";
  ++steps_;
  const size_t chosen = runnable_.size() == 1 ? 0 : choice_.next() % runnable_.size();
  trace_ =
      Mixed(trace_, static_cast<uint64_t>(now_.value()) << 16 ^ runnable_.size() << 8 ^ chosen);
  std::swap(runnable_[chosen], runnable_.back());
  Work work = std::move(runnable_.back().work);
  runnable_.pop_back();
  work();
  return true;
}

bool Scheduler::next_time(Duration limit) {
  if (timers_.empty() || timers_.begin()->first.first > limit) return false;
  const Duration now = std::max(now_, timers_.begin()->first.first);
  set_time(now);
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    runnable_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
  return true;
}

bool Scheduler::run_until(const std::function<bool()>& holds, Duration patience) {
  const Duration limit(now_.value() + patience.value());
  while (!holds()) {
    if (!step() && !next_time(limit)) return false;
  }
  return true;
}

void Scheduler::advance(Duration d) {
  const Duration target(now_.value() + d.value());
  do {
    while (step()) {
    }
  } while (next_time(target));
  set_time(target);
  while (step()) {
  }
}

void Scheduler::set_time(Duration now) {
  if (now != now_) steps_at_this_time_ = 0;
  now_ = now;
}

void Scheduler::drop(const Lane& lane) {
  // What is dropped is destroyed when the queues are whole again: destructors may add to them.
  std::vector<Entry> dropped;
  const auto of_lane = [&](const Entry& task) { return task.lane == &lane; };
  const auto first = std::stable_partition(runnable_.begin(), runnable_.end(),
                                           [&](const Entry& task) { return !of_lane(task); });
  std::move(first, runnable_.end(), std::back_inserter(dropped));
  runnable_.erase(first, runnable_.end());
  for (auto timer = timers_.begin(); timer != timers_.end();) {
    if (!of_lane(timer->second)) {
      ++timer;
      continue;
    }
    dropped.push_back(std::move(timer->second));
    timer = timers_.erase(timer);
  }
}

// What any_io_executor asks of an executor: its context, equality, and never to block: everything
// goes through the queue.
class Lane::LaneExecutor {
 public:
  explicit LaneExecutor(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) {}

  [[nodiscard]] boost::asio::execution_context& query(
      boost::asio::execution::context_t /*property*/) const noexcept {
    return *lane_;
  }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t /*property*/) noexcept {
    return boost::asio::execution::blocking.never;
  }
  [[nodiscard]] bool operator==(const LaneExecutor& other) const noexcept {
    return lane_ == other.lane_;
  }
  template <class F>
  void execute(F&& f) const {
    lane_->add(absl::AnyInvocable<void()>(std::forward<F>(f)));
  }

 private:
  std::shared_ptr<Lane> lane_;
};

// One task of the lane at a time stands for the whole queue.
class Lane::SerialWorker final : public Worker {
 public:
  explicit SerialWorker(std::shared_ptr<Lane> lane) : lane_(std::move(lane)) {}
  ~SerialWorker() override {
    while (RunOne(*state_)) {
    }
  }
  SerialWorker(const SerialWorker&) = delete;
  SerialWorker& operator=(const SerialWorker&) = delete;

  void post(std::function<void()> work) override {
    state_->queue.push_back(std::move(work));
    if (!std::exchange(state_->scheduled, true)) Schedule(lane_, state_);
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

  static void Schedule(const std::shared_ptr<Lane>& lane, const std::shared_ptr<State>& state) {
    lane->add([lane = std::weak_ptr(lane), state] {
      RunOne(*state);
      state->scheduled = !state->queue.empty();
      const std::shared_ptr<Lane> alive = lane.lock();
      if (state->scheduled && alive != nullptr) Schedule(alive, state);
    });
  }

  std::shared_ptr<Lane> lane_;
  std::shared_ptr<State> state_ = std::make_shared<State>();  // shared with the scheduled task
};

std::shared_ptr<Lane> Lane::Make(std::shared_ptr<Scheduler> scheduler) {
  return std::shared_ptr<Lane>(new Lane(std::move(scheduler)));
}

void Lane::add(absl::AnyInvocable<void()> work) {
  if (!closed_) scheduler_->runnable_.push_back({this, std::move(work)});
}

void Lane::add_timer(Duration after, absl::AnyInvocable<void()> work) {
  if (closed_) return;
  const Duration due(scheduler_->now_.value() + std::max<int64_t>(after.value(), 0));
  scheduler_->timers_.emplace(std::pair(due, ++scheduler_->last_timer_),
                              Scheduler::Entry{this, std::move(work)});
}

Task<void> Lane::sleep(Duration d) {
  using boost::asio::use_awaitable;
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(
      [lane = shared_from_this(), d](auto handler) {
        const internal::Waiter waiter = internal::Waiter::Of(std::move(handler));
        lane->add_timer(d, [waiter] { waiter.resume(); });
      },
      use_awaitable);
}

Executor Lane::executor() { return LaneExecutor(shared_from_this()); }

std::unique_ptr<Worker> Lane::make_worker() {
  return std::make_unique<SerialWorker>(shared_from_this());
}

void Lane::close() {
  if (std::exchange(closed_, true)) return;
  shutdown();  // drops the coroutines that wait for events
  scheduler_->drop(*this);
}

}  // namespace holdfast
