#include "holdfast/real_env/real_env.h"

#include <openssl/rand.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/base/mutex.h"

namespace holdfast {
namespace {

namespace asio = boost::asio;

// Clocks count nanoseconds in 64 bits: beyond some 292 years a sum would wrap.
constexpr Duration kLongestTimer = Seconds(100LL * 365 * 24 * 3600);

std::chrono::microseconds TimerLength(Duration d) {
  return std::chrono::microseconds(std::clamp<int64_t>(d.value(), 0, kLongestTimer.value()));
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override {
    return Timestamp(Micros(std::chrono::system_clock::now().time_since_epoch()));
  }
  [[nodiscard]] Duration monotonic() override {
    return Duration(Micros(std::chrono::steady_clock::now() - start_));
  }

 private:
  template <class D>
  static int64_t Micros(D d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Keys that sign tokens come from here, so these are libcrypto's numbers (seeded by the system),
// fetched many at a time because a call costs more than the numbers.
class CryptoRandom final : public Random {
 public:
  [[nodiscard]] uint64_t next() override {
    const MutexLock lock(mutex_);
    if (used_ == numbers_.size()) refill();
    // Nobody who reads our memory later shall know what was drawn before.
    return std::exchange(numbers_[used_++], 0);
  }

 private:
  void refill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto* bytes = reinterpret_cast<unsigned char*>(numbers_.data());
    HF_CHECK(RAND_bytes(bytes, static_cast<int>(sizeof(numbers_))) == 1)
        << "the system gives no random numbers";
    used_ = 0;
  }

  Mutex mutex_;
  std::array<uint64_t, 64> numbers_ ABSL_GUARDED_BY(mutex_){};
  size_t used_ ABSL_GUARDED_BY(mutex_) = numbers_.size();
};

class ThreadWorker final : public Worker {
 public:
  explicit ThreadWorker(std::string name) : thread_([this] { Serve(); }) {
    constexpr size_t kLongestThreadName = 15;  // Linux's own limit
    name.resize(std::min(name.size(), kLongestThreadName));
    pthread_setname_np(thread_.native_handle(), name.c_str());
  }

  ~ThreadWorker() override {
    HF_CHECK(thread_.get_id() != std::this_thread::get_id()) << "destroyed by its own work";
    {
      const MutexLock lock(mutex_);
      closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  void post(std::function<void()> work) override {
    {
      const MutexLock lock(mutex_);
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void Serve() {
    for (;;) {
      std::function<void()> work;
      {
        const MutexLock lock(mutex_);
        while (!closing_ && queue_.empty()) changed_.wait(mutex_);
        if (queue_.empty()) return;  // and only now: what was posted is finished first
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

int ThreadCount(int wanted) {
  constexpr int kLeastThreads = 2;
  HF_CHECK(wanted >= 0) << "threads: " << wanted;
  if (wanted > 0) return wanted;
  return std::max(kLeastThreads, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

class RealEnv::Impl {
 public:
  explicit Impl(int threads) : context_(threads), work_(context_.get_executor()) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void stop() {
    context_.stop();
    for (std::thread& thread : threads_) {
      HF_CHECK(thread.get_id() != std::this_thread::get_id()) << "stopped by its own task";
      thread.join();
    }
    threads_.clear();
  }

  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] asio::io_context& context() { return context_; }

 private:
  SystemClock clock_;
  CryptoRandom random_;
  // After what coroutines may still use while they unwind, which they do in its destructor.
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

RealEnv::RealEnv(RealEnvOptions options)
    : impl_(std::make_unique<Impl>(ThreadCount(options.threads))) {}

// Coroutines that unwind while impl_ goes may still call this env: a unique_ptr's destructor
// (unlike its reset) keeps the pointer until the deletion is done.
RealEnv::~RealEnv() { impl_->stop(); }

void RealEnv::stop() { impl_->stop(); }

Clock& RealEnv::clock() { return impl_->clock(); }
Random& RealEnv::random() { return impl_->random(); }
Executor RealEnv::executor() { return impl_->context().get_executor(); }

Task<void> RealEnv::sleep(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, TimerLength(d));
  co_await timer.async_wait(asio::use_awaitable);
}

void RealEnv::run_to_end(Task<void> task) {
  asio::co_spawn(executor(), std::move(task), asio::use_future).get();
}

void RealEnv::post_after(Duration d, std::function<void()> f) {
  auto timer = std::make_unique<asio::steady_timer>(impl_->context(), TimerLength(d));
  asio::steady_timer& waiting = *timer;
  // The handler owns the timer: both go when it has run, or when the context does.
  waiting.async_wait(
      [owned = std::move(timer), run = std::move(f)](const boost::system::error_code& failure) {
        if (!failure) run();
      });
}

std::unique_ptr<Worker> RealEnv::make_worker(std::string_view name) {
  return std::make_unique<ThreadWorker>(std::string(name));
}

}  // namespace holdfast
