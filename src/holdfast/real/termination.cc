#include "holdfast/real/termination.h"

#include <pthread.h>

#include <csignal>
#include <initializer_list>
#include <utility>

namespace holdfast::real {
namespace {

// What the destructor wakes the thread with.
constexpr int kWake = SIGUSR2;

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

TerminationListener::TerminationListener(std::function<void()> on_signal) {
  const sigset_t all = SetOf({SIGINT, SIGTERM, kWake});
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  thread_ = std::thread([all, on_signal = std::move(on_signal)] {
    int signal = 0;
    sigwait(&all, &signal);
    if (signal == kWake) return;
    on_signal();
    // The next one is taken by this thread, with the default action: the end.
    const sigset_t asked = SetOf({SIGINT, SIGTERM});
    pthread_sigmask(SIG_UNBLOCK, &asked, nullptr);
    const sigset_t wake = SetOf({kWake});
    sigwait(&wake, &signal);
  });
}

TerminationListener::~TerminationListener() {
  pthread_kill(thread_.native_handle(), kWake);
  thread_.join();
}

}  // namespace holdfast::real
