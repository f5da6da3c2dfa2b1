#include "holdfast/feed/gate.h"

#include <optional>

namespace holdfast::feed {

Task<Gate::Pass> Gate::enter() {
  std::optional<OneShot> called;
  {
    const MutexLock lock(mutex_);
    if (places_ > 0) {
      --places_;
    } else {
      called = queue_.emplace_back();
    }
  }
  if (called.has_value()) co_await called->wait();
  co_return Pass(this);
}

void Gate::leave() {
  const MutexLock lock(mutex_);
  if (queue_.empty()) {
    ++places_;
    return;
  }
  queue_.front().set();
  queue_.pop_front();
}

}  // namespace holdfast::feed
