#include "holdfast/app/holdfast/interruption.h"

namespace holdfast::cli {

void Interruption::attach(real::Client* client) {
  const MutexLock lock(mutex_);
  client_ = client;
  if (interrupted_ && client_ != nullptr) client_->cancel_streams();
}

void Interruption::interrupt() {
  const MutexLock lock(mutex_);
  interrupted_ = true;
  if (client_ != nullptr) client_->cancel_streams();
}

}  // namespace holdfast::cli
