#include "examples/archive/sender.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "holdfast/base/error.h"

namespace holdfast::archive {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

bool MaySucceedLater(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return absl::IsUnavailable(status) || (reason.has_value() && IsRetryable(*reason));
}

}  // namespace

std::string Sender::new_request_id() {
  const uint64_t high = random_();
  const uint64_t middle = random_();
  const uint64_t low = random_();
  return absl::StrFormat("import-%08x%08x%08x", high, middle, low);
}

bool Sender::ready(const SendJob& job) const {
  for (const size_t i : job.after) {
    if (!done_[i]) return false;
  }
  return true;
}

absl::Status Sender::run(const std::vector<SendJob>& jobs) {
  {
    const MutexLock lock(mutex_);
    done_.assign(jobs.size(), false);
    next_ = 0;
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < options_.in_flight; ++i) threads.emplace_back([&] { work(jobs); });
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(mutex_);
  return failure_;
}

size_t Sender::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

void Sender::work(const std::vector<SendJob>& jobs) {
  while (const std::optional<size_t> mine = take(jobs)) {
    finish(jobs[*mine], *mine, send(jobs[*mine]));
  }
}

// Jobs are taken in order, and wait for their predecessors: those are smaller, so that somebody is
// at them already.
std::optional<size_t> Sender::take(const std::vector<SendJob>& jobs) {
  const MutexLock lock(mutex_);
  if (next_ == jobs.size() || !failure_.ok()) return std::nullopt;
  const size_t mine = next_++;
  while (failure_.ok() && !ready(jobs[mine])) changed_.wait(mutex_);
  if (!failure_.ok()) return std::nullopt;
  return mine;
}

void Sender::finish(const SendJob& job, size_t index, absl::Status status) {
  const MutexLock lock(mutex_);
  done_[index] = true;
  if (!status.ok() && failure_.ok()) failure_ = std::move(status);
  if (failure_.ok() && options_.on_done) options_.on_done(job.operations);
  changed_.notify_all();
}

absl::Status Sender::send(const SendJob& job) {
  std::string request_id;
  {
    const MutexLock lock(mutex_);
    request_id = new_request_id();
  }
  const MessagePtr request = job.build(request_id);
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(options_.patience_seconds);
  for (;;) {
    {
      const MutexLock lock(mutex_);
      ++requests_;
    }
    absl::StatusOr<MessagePtr> answer = remote_.client().call(remote_.transact(), *request);
    if (answer.ok()) return absl::OkStatus();
    if (!MaySucceedLater(answer.status()) || std::chrono::steady_clock::now() > give_up) {
      return answer.status();
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace holdfast::archive
