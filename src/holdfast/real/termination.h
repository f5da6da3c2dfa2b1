// Being asked to end: SIGINT and SIGTERM.
#pragma once

#include <functional>
#include <thread>

namespace holdfast::real {

// While one lives, the first SIGINT or SIGTERM to the process calls `on_signal` on a thread of its
// own; later ones end the process as they always do. Make it before any other thread is started:
// threads inherit that they don't get these signals themselves.
class TerminationListener {
 public:
  explicit TerminationListener(std::function<void()> on_signal);
  ~TerminationListener();
  TerminationListener(const TerminationListener&) = delete;
  TerminationListener& operator=(const TerminationListener&) = delete;

 private:
  std::thread thread_;
};

}  // namespace holdfast::real
