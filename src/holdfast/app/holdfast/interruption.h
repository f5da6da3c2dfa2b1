// Ctrl-C while a command follows changes: the command ends as it should, and says where it was.
#pragma once

#include "holdfast/base/mutex.h"
#include "holdfast/real/grpc_client.h"
#include "holdfast/real/termination.h"

namespace holdfast::cli {

// Make it before the client, whose threads must not get the signal.
class Interruption {
 public:
  Interruption() : listener_([this] { interrupt(); }) {}

  // From now on an interruption ends this client's streams. nullptr: no client any more.
  void attach(real::Client* client);

 private:
  void interrupt();

  Mutex mutex_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
  real::Client* client_ ABSL_GUARDED_BY(mutex_) = nullptr;
  real::TerminationListener listener_;  // last: its thread uses the others
};

}  // namespace holdfast::cli
