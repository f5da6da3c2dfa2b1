// Sends Transact batches, several at once, each only when those that it needs have been committed.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "examples/archive/remote.h"

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
  [[nodiscard]] size_t requests() const { return requests_; }

 private:
  void work(const std::vector<SendJob>& jobs);
  [[nodiscard]] absl::Status send(const SendJob& job);
  [[nodiscard]] bool ready(const SendJob& job) const;
  std::string new_request_id();

  Remote& remote_;
  const SendOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::random_device random_;
  std::vector<bool> done_;
  size_t next_ = 0;
  size_t requests_ = 0;
  absl::Status failure_;
};

}  // namespace holdfast::archive
