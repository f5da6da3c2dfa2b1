// Counters, gauges and histograms in the Prometheus text format 0.0.4.
//
// Everything is made at start (families, and all label values that there will be), so that no
// client can make it grow and counting is one atomic addition. Own code because Debian's client
// library brings a web server along.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/base/mutex.h"
#include "holdfast/base/types.h"

namespace holdfast::server {

// Only grows. Thread-safe.
class Counter {
 public:
  void add(int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Goes up and down. Thread-safe.
class Gauge {
 public:
  void add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// How long things took. Thread-safe; the sums of one scrape may be a few observations apart.
class Histogram {
 public:
  // Upper bounds in microseconds: 100 us to 10 s.
  static constexpr std::array<int64_t, 11> kBounds = {
      100, 500, 1'000, 5'000, 10'000, 50'000, 100'000, 500'000, 1000000, 5000000, 10'000'000};

  void observe(Duration took);
  [[nodiscard]] int64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  std::array<std::atomic<int64_t>, kBounds.size() + 1> buckets_ = {};
  std::atomic<int64_t> sum_ = 0;
  std::atomic<int64_t> count_ = 0;
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Families by name, in order. Adding and printing are thread-safe; what add_* returns lives as long
// as this. The same name and labels give the same object.
class Metrics {
 public:
  Counter& add_counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& add_gauge(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& add_histogram(std::string_view name, std::string_view help, Labels labels = {});
  // One that is counted in from before this is made, or until after it has gone.
  void show_histogram(std::string_view name, std::string_view help, Labels labels,
                      std::shared_ptr<Histogram> histogram);
  // A gauge that is read when it is asked for; must be callable until the Metrics is gone.
  void add_reader(std::string_view name, std::string_view help, Labels labels,
                  std::function<int64_t()> read);

  // What GET /metrics answers.
  [[nodiscard]] std::string text() const;

 private:
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::shared_ptr<Histogram> histogram;  // perhaps shared with who counts in it
    std::function<int64_t()> read;
  };
  struct Family {
    std::string type;
    std::string help;
    std::map<std::string, Series> series;  // by labels as printed
  };

  Series& series(std::string_view name, std::string_view type, std::string_view help,
                 const Labels& labels) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void AppendHistogram(std::string& out, const std::string& name, const std::string& labels,
                              const Histogram& histogram);

  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::server
