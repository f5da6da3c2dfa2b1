// Sends Transact batches, several at once, each only when those that it needs have been committed.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "examples/archive/remote.h"
#include "holdfast/base/mutex.h"

namespace holdfast::archive {

struct SendJob {
  // Builds the request when its turn comes, so that only those under way are in memory.
  std::function<MessagePtr(std::string_view request_id)> build;
  size_t operations = 0;
  std::vector<size_t> after;  // indexes of jobs, all smaller than this one's
};

struct SendOptions {
  size_t in_flight = 4;
  int64_t patience_seconds = 60;
  std::function<void(size_t operations)> on_done;
};

// Runs all jobs; the first failure ends it. A batch whose answer is lost is sent again under the
// same request_id, which makes it happen once.
class Sender {
 public:
  Sender(Remote& remote, SendOptions options) : remote_(remote), options_(std::move(options)) {}

  [[nodiscard]] absl::Status run(const std::vector<SendJob>& jobs);
  [[nodiscard]] size_t requests() const;

 private:
  void work(const std::vector<SendJob>& jobs);
  // The next job, once those before it have been committed; nullopt: there is no more to do.
  [[nodiscard]] std::optional<size_t> take(const std::vector<SendJob>& jobs);
  void finish(const SendJob& job, size_t index, absl::Status status);
  [[nodiscard]] absl::Status send(const SendJob& job);
  [[nodiscard]] bool ready(const SendJob& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string new_request_id() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Remote& remote_;
  const SendOptions options_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::random_device random_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> done_ ABSL_GUARDED_BY(mutex_);
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::archive
