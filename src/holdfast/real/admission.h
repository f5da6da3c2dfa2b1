// Bounds what waits between the network's threads and the executor: calls, and the bytes of their
// requests. What doesn't fit is refused on the spot, without the executor's help. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>

#include "holdfast/base/mutex.h"

namespace holdfast::real {

struct AdmissionLimits {
  size_t max_calls = 4096;
  // Requests are small; this is for the few that aren't, all together.
  size_t max_bytes = 128 << 20;
};

class Admission {
 public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  // What a call holds while it is under way. Gives back when it goes. Outlived by the Admission.
  class Ticket {
   public:
    Ticket(Admission& owner, size_t bytes) : owner_(owner), bytes_(bytes) {}
    ~Ticket() { owner_.leave(bytes_); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

   private:
    Admission& owner_;
    const size_t bytes_;
  };

  // nullptr: too much is under way.
  [[nodiscard]] std::unique_ptr<Ticket> enter(size_t bytes) {
    const MutexLock lock(mutex_);
    if (calls_ >= limits_.max_calls || bytes_ + bytes > limits_.max_bytes) return nullptr;
    ++calls_;
    bytes_ += bytes;
    return std::make_unique<Ticket>(*this, bytes);
  }

 private:
  void leave(size_t bytes) {
    const MutexLock lock(mutex_);
    --calls_;
    bytes_ -= bytes;
  }

  const AdmissionLimits limits_;
  Mutex mutex_;
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holdfast::real
