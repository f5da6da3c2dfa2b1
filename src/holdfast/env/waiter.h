// One suspended coroutine, as events keep it. For event.cc and manual_env.cc; others use event.h.
//
// A coroutine that waits for a Signal often holds a copy of it: a circle that would keep both alive
// for ever once nobody notifies any more. So the coroutine itself is kept by the execution context
// that it runs on, which drops it when it shuts down; the event has a handle only.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
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
  // kPosted: the coroutine is posted to its own executor. kHere: it runs within resume(), if that
  // is called on a thread of its executor: one hop less, for who holds no lock.
  enum class Where { kPosted, kHere };

  // `handler` is what asio::async_initiate gives to its initiation.
  template <class Handler>
  [[nodiscard]] static Waiter Of(Handler handler) {
    const Executor executor = boost::asio::get_associated_executor(handler);
    // post() with the handler alone goes straight to its own executor, in one hop.
    return Waiter(executor, [h = std::move(handler)](Where where) mutable {
      if (where == Where::kHere) {
        boost::asio::dispatch(std::move(h));
      } else {
        boost::asio::post(std::move(h));
      }
    });
  }

  // Does nothing the second time, and nothing when the execution context has shut down.
  void resume(Where where = Where::kPosted) const;

 private:
  using Resume = absl::AnyInvocable<void(Where)>;
  class Registry;
  class Service;

  Waiter(const Executor& executor, Resume resume);

  std::shared_ptr<Registry> registry_;  // shared with the context, which may go first
  uint64_t id_;
};

}  // namespace holdfast::internal
