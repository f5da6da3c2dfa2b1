// One suspended coroutine, as events keep it. For event.cc and manual_env.cc; others use event.h.
//
// A coroutine that waits for a Signal often holds a copy of it: a circle that would keep both alive
// for ever once nobody notifies any more. So the coroutine itself is kept by the execution context
// that it runs on, which drops it when it shuts down; the event has a handle only.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "holdfast/env/task.h"

namespace holdfast::internal {

// Thread-safe. Copies are the same waiter.
class Waiter {
 public:
  // `handler` is what asio::async_initiate gives to its initiation.
  template <class Handler>
  [[nodiscard]] static Waiter Of(Handler handler) {
    const Executor executor = boost::asio::get_associated_executor(handler);
    // post() with the handler alone goes straight to its own executor, in one hop.
    return Waiter(executor,
                  [h = std::move(handler)]() mutable { boost::asio::post(std::move(h)); });
  }

  // Posts the coroutine to its own executor. Does nothing the second time, and nothing when the
  // execution context has shut down.
  void resume() const;

 private:
  using Resume = absl::AnyInvocable<void()>;
  class Registry;
  class Service;

  Waiter(const Executor& executor, Resume resume);

  std::shared_ptr<Registry> registry_;  // shared with the context, which may go first
  uint64_t id_;
};

}  // namespace holdfast::internal
