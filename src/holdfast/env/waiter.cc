#include "holdfast/env/waiter.h"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <map>

#include "holdfast/base/mutex.h"

namespace holdfast::internal {

// The waiters of one execution context.
class Waiter::Registry {
 public:
  [[nodiscard]] uint64_t add(Resume resume) {
    const MutexLock lock(mutex_);
    const uint64_t id = ++last_;
    // After close() `resume` is dropped here, outside of any wait: nothing can come of it.
    if (!closed_) waiters_.emplace(id, std::move(resume));
    return id;
  }

  [[nodiscard]] Resume take(uint64_t id) {
    const MutexLock lock(mutex_);
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) return nullptr;
    Resume resume = std::move(found->second);
    waiters_.erase(found);
    return resume;
  }

  void close() {
    std::map<uint64_t, Resume> dropped;  // goes outside the lock: coroutines unwind in it
    const MutexLock lock(mutex_);
    closed_ = true;
    dropped.swap(waiters_);
  }

 private:
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Resume> waiters_ ABSL_GUARDED_BY(mutex_);
};

// How Asio tells that the execution context shuts down.
class Waiter::Service : public boost::asio::execution_context::service {
 public:
  using key_type = Service;
  static boost::asio::execution_context::id id;

  explicit Service(boost::asio::execution_context& context)
      : boost::asio::execution_context::service(context) {}

  [[nodiscard]] const std::shared_ptr<Registry>& registry() const { return registry_; }

 private:
  void shutdown() override { registry_->close(); }

  std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
};

boost::asio::execution_context::id Waiter::Service::id;

Waiter::Waiter(const Executor& executor, Resume resume)
    : registry_(boost::asio::use_service<Service>(
                    boost::asio::query(executor, boost::asio::execution::context))
                    .registry()),
      id_(registry_->add(std::move(resume))) {}

void Waiter::resume(Where where) const {
  Resume resume = registry_->take(id_);
  if (resume) resume(where);
}

}  // namespace holdfast::internal
