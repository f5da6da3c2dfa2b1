// Lets so many in at once; the others queue, first come first served.
#pragma once

#include <deque>

#include "holdfast/base/mutex.h"
#include "holdfast/env/event.h"

namespace holdfast::feed {

// Thread-safe. A coroutine is dropped in the queue only when its whole node goes, the gate with it:
// so a place given to one that was dropped needs no care.
class Gate {
 public:
  explicit Gate(size_t places) : places_(places) {}

  // Whoever holds one is in. Gives its place to the next when it goes. Must not outlive the gate.
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;

   private:
    Gate* gate_;
  };

  [[nodiscard]] Task<Pass> enter();

 private:
  void leave();

  Mutex mutex_;
  size_t places_ ABSL_GUARDED_BY(mutex_);
  std::deque<OneShot> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::feed
