// bench_load: a client of bench.example.com that does one kind of call, many at a time, and says
// what it saw as a line of JSON. A process of its own, so that it shares nothing with what it
// measures but the machine.
#include <sys/resource.h>

#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "bench/load.h"
#include "bench/project.h"
#include "bench/remote.h"
#include "holdfast/base/check.h"
#include "holdfast/base/mutex.h"
#include "nlohmann/json.hpp"

namespace holdfast::bench {
namespace {

struct Flags {
  std::string server;
  std::string work = "vpc";
  size_t clients = 32;
  double rate = 0;
  double seconds = 2;
  double warm_up = 0.3;
};

double CpuSecondsOfThis() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  Load(Remote& remote, const Flags& flags) : remote_(remote), flags_(flags), ids_(1) {}

  // Calls until the time is over; each is counted from when it was due.
  void run() {
    begin_ = Clock::now() + FromSeconds(flags_.warm_up);
    end_ = begin_ + FromSeconds(flags_.seconds);
    Clock::time_point due = Clock::now();
    double cpu_before = 0;
    while (due < end_) {
      if (flags_.rate > 0) {
        due += FromSeconds(1 / flags_.rate);
        std::this_thread::sleep_until(due);
      }
      if (cpu_before == 0 && Clock::now() >= begin_) cpu_before = CpuSecondsOfThis();
      call(flags_.rate > 0 ? std::optional(due) : std::nullopt);
      if (flags_.rate == 0) due = Clock::now();
    }
    cpu_seconds_ = CpuSecondsOfThis() - cpu_before;
    remote_.client().wait_idle();
  }

  [[nodiscard]] nlohmann::json result() {
    const MutexLock lock(mutex_);
    const Sample sample = Summarize(latencies_us_, flags_.seconds);
    return {{"per_second", sample.per_second}, {"p50_us", sample.p50_us}, {"p99_us", sample.p99_us},
            {"mean_us", sample.mean_us},       {"done", sample.done},     {"failed", failed_},
            {"cpu_seconds", cpu_seconds_}};
  }

 private:
  static Clock::duration FromSeconds(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  // Waits while all clients are busy.
  void call(std::optional<Clock::time_point> due) {
    const Request request = remote_.new_create(flags_.work, ids_);
    const Clock::time_point started = due.value_or(Clock::now());
    remote_.client().call_serialized(request.method, *request.message, {},
                                     [this, started](const absl::StatusOr<std::string>& answer) {
                                       done(started, answer.status());
                                     });
  }

  void done(Clock::time_point started, const absl::Status& status) {
    const Clock::time_point now = Clock::now();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - started);
    const MutexLock lock(mutex_);
    if (!status.ok()) {
      if (failed_++ == 0) std::cerr << "bench_load: " << status.ToString() << "\n";
      return;
    }
    if (now >= begin_ && now <= end_) latencies_us_.push_back(static_cast<uint32_t>(took.count()));
  }

  Remote& remote_;
  const Flags flags_;
  Ids ids_;
  Clock::time_point begin_;
  Clock::time_point end_;
  double cpu_seconds_ = 0;
  Mutex mutex_;
  std::vector<uint32_t> latencies_us_ ABSL_GUARDED_BY(mutex_);
  int64_t failed_ ABSL_GUARDED_BY(mutex_) = 0;
};

int Run(const Flags& flags) {
  Remote remote(flags.server, flags.clients);
  Load load(remote, flags);
  load.run();
  std::cout << load.result().dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  CLI::App app("Calls a holdfastd that serves bench.example.com.");
  holdfast::bench::Flags flags;
  app.add_option("--server", flags.server, "host:port of its gRPC")->required();
  app.add_option("--work", flags.work, "what to create: vpc, slot or mark")->capture_default_str();
  app.add_option("--clients", flags.clients, "calls under way at most")->capture_default_str();
  app.add_option("--rate", flags.rate, "calls a second; 0: as fast as they are answered");
  app.add_option("--seconds", flags.seconds, "counted time")->capture_default_str();
  app.add_option("--warm-up", flags.warm_up, "time before, not counted")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return holdfast::bench::Run(flags);
}
