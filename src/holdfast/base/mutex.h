// A lock of which clang proves who holds it. What it guards says so, as do functions for which it
// must be held, with the macros that come with this header: ABSL_GUARDED_BY(mutex_),
// ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_). tools/thread-safety finds whoever doesn't hold it; other
// compilers see none of this.
//
// It is std::mutex and nothing else: absl's, as Debian builds it, searches for deadlocks each time
// that it is taken.
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"  // IWYU pragma: export

namespace holdfast {

// Taken by a MutexLock, and by nothing else. Not recursive.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class CondVar;
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex from here to the end of the block. Never over a co_await: tools/tidy looks.
class [[nodiscard]] ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() ABSL_UNLOCK_FUNCTION() = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  const std::lock_guard<std::mutex> lock_;
};

// To wait until others have changed what a mutex guards. For threads; a coroutine waits for a
// Signal or a OneShot of env/event.h.
class CondVar {
 public:
  // Gives the mutex back while it waits. It may return for nothing, so ask in a loop; and in the
  // open, as the proof doesn't look from a lambda at who calls it:
  //   while (queue_.empty()) changed_.wait(mutex_);
  void wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    changed_.wait(held);
    held.release();  // still the caller's
  }
  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace holdfast
