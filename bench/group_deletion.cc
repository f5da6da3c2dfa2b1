#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/groups.h"
#include "bench/holdfastd.h"
#include "bench/remote.h"

namespace holdfast::bench {
namespace {

constexpr int kRules = 100'000;
constexpr int kClients = 8;
constexpr size_t kFillInFlight = 4;
constexpr int kStretches = 3;  // rounds with one VPC

// How large a process becomes while this lives.
class RssWatch {
 public:
  explicit RssWatch(pid_t pid)
      : thread_([this, pid] {
          while (!stop_) {
            largest_ = std::max(largest_.load(), RssMegabytes(pid));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  ~RssWatch() {
    stop_ = true;
    thread_.join();
  }
  RssWatch(const RssWatch&) = delete;
  RssWatch& operator=(const RssWatch&) = delete;
  [[nodiscard]] double largest() const { return largest_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<double> largest_ = 0;
  std::thread thread_;
};

struct Deletion {
  std::vector<Sample> during;
  double seconds = 0;
  double rss_before = 0;
  double rss_largest = 0;
};

// Some stretches of load, one after another, while the VPC is being deleted.
Deletion DeleteUnderLoad(Holdfastd& server, Remote& remote, const std::string& vpc,
                         const LoadOptions& load) {
  Deletion result{.rss_before = RssMegabytes(server.pid())};
  const RssWatch rss(server.pid());
  std::atomic<bool> gone = false;
  const Clock::time_point start = Clock::now();
  std::thread deleter([&] {
    remote.erase(vpc);
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    gone = true;
  });
  for (int stretch = 0; stretch < kStretches; ++stretch) {
    const Sample sample = RunLoad(server, load).sample;
    if (gone) break;  // it ended within this stretch
    result.during.push_back(sample);
  }
  deleter.join();
  result.rss_largest = rss.largest();
  return result;
}

}  // namespace

void CompareDuringLargeDelete(const Setting& setting) {
  Holdfastd server({.database = PostgresDatabase(setting.cluster.create_database())});
  Remote remote(server.grpc(), kFillInFlight);
  remote.fill();
  const LoadOptions load{.work = "vpc", .clients = kClients, .stretch = setting.stretch};
  Measured alone{.name = "alone", .rounds = {}};
  Measured during{.name = "while 100,000 rules are deleted", .rounds = {}};
  std::vector<double> seconds;
  std::vector<double> growth;
  // Filling and deleting take long: several rounds with each VPC.
  const int deletions = (setting.rounds.count + kStretches - 1) / kStretches;
  for (int n = 0; n < deletions; ++n) {
    const std::string vpc = remote.fill_vpc(absl::StrCat("large", n), kRules);
    std::vector<Sample> before;
    for (int i = 0; i < kStretches; ++i) before.push_back(RunLoad(server, load).sample);
    const Deletion deletion = DeleteUnderLoad(server, remote, vpc, load);
    // Only pairs count.
    before.resize(deletion.during.size());
    alone.rounds.insert(alone.rounds.end(), before.begin(), before.end());
    during.rounds.insert(during.rounds.end(), deletion.during.begin(), deletion.during.end());
    seconds.push_back(deletion.seconds);
    growth.push_back(deletion.rss_largest - deletion.rss_before);
  }
  const std::vector<Measured> measured = {alone, during};
  setting.report.add("independent creates through the API, 8 clients", measured);
  setting.report.figures("the deletion",
                         {{"seconds it took (median)", SpreadOf(seconds).median},
                          {"MB the server grew by (RSS), at most", SpreadOf(growth).max}});
  setting.report.ratio("p99_during_large_delete",
                       Ratios(measured, alone.name, during.name, &Sample::p99_us), 0.33);
}

}  // namespace holdfast::bench
