#include "holdfast/env/event.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/base/mutex.h"
#include "holdfast/env/waiter.h"

// The initiations below run after their coroutine has been suspended. As soon as the waiter is
// enlisted another thread may resume it, and its frame, with the initiation in it, be gone: so
// they take copies first and touch nothing of their own afterwards.

namespace holdfast {

using boost::asio::use_awaitable;
using boost::asio::use_awaitable_t;
using internal::Waiter;

struct OneShot::State {
  Mutex mutex;
  bool set ABSL_GUARDED_BY(mutex) = false;
  std::vector<Waiter> waiters ABSL_GUARDED_BY(mutex);

  static Task<void> Wait(std::shared_ptr<State> state) {
    return boost::asio::async_initiate<const use_awaitable_t<>&, void()>(
        [state](auto handler) { Enlist(std::shared_ptr(state), Waiter::Of(std::move(handler))); },
        use_awaitable);
  }

  static void Enlist(const std::shared_ptr<State> state, const Waiter waiter) {
    {
      const MutexLock lock(state->mutex);
      if (!state->set) {
        state->waiters.push_back(waiter);
        return;
      }
    }
    waiter.resume();
  }
};

OneShot::OneShot() : state_(std::make_shared<State>()) {}

void OneShot::set() {
  std::vector<Waiter> waiters;
  {
    const MutexLock lock(state_->mutex);
    state_->set = true;
    waiters.swap(state_->waiters);
  }
  for (const Waiter& waiter : waiters) waiter.resume();
}

bool OneShot::is_set() const {
  const MutexLock lock(state_->mutex);
  return state_->set;
}

Task<void> OneShot::wait() { return State::Wait(state_); }

namespace {
// A wait without an end, and the longest with one: so far off that sums don't overflow.
constexpr Duration kNever(std::numeric_limits<int64_t>::max());
constexpr Duration kLongestWait = Seconds(100LL * 365 * 24 * 3600);
}  // namespace

// At most about one timer of the Env is under way for all waiters, however often they are woken
// early: the one for the earliest end. When it fires it looks for the next.
struct Signal::State {
  // Who waits until when; the number keeps the order of waits with the same end.
  using Key = std::pair<Duration, uint64_t>;
  struct Wait {
    std::shared_ptr<State> state;
    uint64_t seen;
    Env* env;  // null: without an end
    Duration deadline;
  };

  Mutex mutex;
  uint64_t generation ABSL_GUARDED_BY(mutex) = 0;
  uint64_t last_wait ABSL_GUARDED_BY(mutex) = 0;
  std::map<Key, Waiter> waiters ABSL_GUARDED_BY(mutex);
  // Of all waits that have an end.
  Env* env ABSL_GUARDED_BY(mutex) = nullptr;
  // When the timer under way fires.
  std::optional<Duration> timer_at ABSL_GUARDED_BY(mutex);

  static Task<void> Suspend(Wait wait) {
    return boost::asio::async_initiate<const use_awaitable_t<>&, void()>(
        [wait](auto handler) { Enlist(Wait(wait), Waiter::Of(std::move(handler))); },
        use_awaitable);
  }

  static void Enlist(const Wait wait, const Waiter waiter) {
    State& state = *wait.state;
    std::optional<Duration> timer;
    {
      const MutexLock lock(state.mutex);
      if (state.generation != wait.seen) {
        timer = kNever;
      } else {
        state.waiters.emplace(Key(wait.deadline, ++state.last_wait), waiter);
        if (wait.env != nullptr) timer = state.timer_needed(*wait.env);
      }
    }
    if (timer == kNever) {
      waiter.resume();
    } else if (timer.has_value()) {
      StartTimer(wait.state, *wait.env, *timer);
    }
  }

  // Notes that a timer for the earliest end is under way, and returns when it is to ring if it
  // isn't yet.
  std::optional<Duration> timer_needed(Env& from) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    HF_CHECK(env == nullptr || env == &from) << "one Signal, waits with time limits of two Envs";
    env = &from;
    if (waiters.empty()) return std::nullopt;
    const Duration deadline = waiters.begin()->first.first;
    if (deadline == kNever || (timer_at.has_value() && *timer_at <= deadline)) return std::nullopt;
    timer_at = deadline;
    return deadline;
  }

  static void StartTimer(const std::weak_ptr<State>& state, Env& from, Duration due) {
    const Duration length(due.value() - from.clock().monotonic().value());
    from.post_after(length, [state, env = &from, due] {
      if (const std::shared_ptr<State> alive = state.lock()) Expire(alive, *env, due);
    });
  }

  static void Expire(const std::shared_ptr<State>& state, Env& from, Duration due) {
    const Duration now = from.clock().monotonic();
    std::vector<Waiter> expired;
    std::optional<Duration> timer;
    {
      const MutexLock lock(state->mutex);
      // Also if it rang a moment early, by a clock that drifts: those who still wait need another.
      if (state->timer_at == due) state->timer_at.reset();
      auto& waiters = state->waiters;
      while (!waiters.empty() && waiters.begin()->first.first <= now) {
        expired.push_back(waiters.begin()->second);
        waiters.erase(waiters.begin());
      }
      timer = state->timer_needed(from);
    }
    for (const Waiter& waiter : expired) waiter.resume();
    if (timer.has_value()) StartTimer(state, from, *timer);
  }

  static Task<bool> WaitFor(std::shared_ptr<State> state, Env& env, uint64_t seen,
                            Duration at_most) {
    const Duration length = std::min(at_most, kLongestWait);
    const Duration deadline(env.clock().monotonic().value() + length.value());
    Wait wait{.state = state, .seen = seen, .env = &env, .deadline = deadline};
    co_await Suspend(std::move(wait));
    const MutexLock lock(state->mutex);
    co_return state->generation != seen;
  }
};

Signal::Signal() : state_(std::make_shared<State>()) {}

void Signal::notify() {
  std::map<State::Key, Waiter> waiters;
  {
    const MutexLock lock(state_->mutex);
    ++state_->generation;
    waiters.swap(state_->waiters);
  }
  for (const auto& [key, waiter] : waiters) waiter.resume();
}

uint64_t Signal::generation() const {
  const MutexLock lock(state_->mutex);
  return state_->generation;
}

Task<void> Signal::wait(uint64_t seen) {
  return State::Suspend({.state = state_, .seen = seen, .env = nullptr, .deadline = kNever});
}

Task<bool> Signal::wait_for(Env& env, uint64_t seen, Duration at_most) {
  return State::WaitFor(state_, env, seen, at_most);
}

}  // namespace holdfast
