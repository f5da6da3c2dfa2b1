#include "holdfast/control/constraint/duty_controller.h"

#include <utility>

#include "holdfast/base/mutex.h"
#include "holdfast/env/event.h"

namespace holdfast::control {

struct DutyController::State {
  State(Env& e, store::Store& s, DutyControllerOptions o) : env(e), store(s), options(o) {}

  Env& env;
  store::Store& store;
  const DutyControllerOptions options;
  Signal wake;
  OneShot stopping;
  OneShot stopped;
  Mutex mutex;
  bool started ABSL_GUARDED_BY(mutex) = false;
  DutyStats stats ABSL_GUARDED_BY(mutex);

  void note(const absl::StatusOr<size_t>& changed) {
    const MutexLock lock(mutex);
    ++stats.rounds;
    if (changed.ok()) {
      stats.rows += static_cast<int64_t>(*changed);
    } else {
      ++stats.errors;
      stats.last_error = changed.status();
    }
  }
};

namespace {

// `state` by value: it must outlive the controller.
template <class State>
Task<void> Loop(std::shared_ptr<State> state) {
  while (!state->stopping.is_set()) {
    const uint64_t seen = state->wake.generation();
    const absl::StatusOr<size_t> changed = co_await state->store.run_duties();
    state->note(changed);
    if (changed.ok() && *changed > 0) continue;
    const Duration wait = changed.ok() ? state->options.idle : state->options.after_error;
    const bool woken = co_await state->wake.wait_for(state->env, seen, wait);
    (void)woken;
  }
  state->stopped.set();
}

}  // namespace

DutyController::DutyController(Env& env, store::Store& store, DutyControllerOptions options)
    : state_(std::make_shared<State>(env, store, options)) {}

DutyController::~DutyController() { stop(); }

void DutyController::start() {
  {
    const MutexLock lock(state_->mutex);
    if (state_->started) return;
    state_->started = true;
  }
  Spawn(state_->env, Loop(state_));
}

void DutyController::nudge() { state_->wake.notify(); }

void DutyController::stop() {
  state_->stopping.set();
  state_->wake.notify();
}

Task<void> DutyController::stopped() {
  std::shared_ptr<State> state = state_;
  bool started = false;
  {
    const MutexLock lock(state->mutex);
    started = state->started;
  }
  if (started) co_await state->stopped.wait();
}

DutyStats DutyController::stats() const {
  const MutexLock lock(state_->mutex);
  return state_->stats;
}

}  // namespace holdfast::control
