#include "sim/run/breaker.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

constexpr Duration kLongestOutage = Seconds(15);
constexpr double kStorm = 8;  // times as often
constexpr int64_t kMaxDriftPpm = 20'000;
constexpr int64_t kMaxError = 40;  // seconds that a clock may be wrong

}  // namespace

const std::vector<std::string>& FaultClasses() {
  static const std::vector<std::string> all = {
      "clock: drift",
      "clock: jump",
      "database: answer lost, committed",
      "database: answer lost, not committed",
      "database: crash before the answer",
      "database: crash between two batches",
      "database: cut off from a node",
      "database: purge forgot something",
      "database: read refused",
      "database: serialization failure",
      "database: slow",
      "database: unavailable",
      "network: cut off",
      "network: message lost",
      "network: message overtaken",
      "network: partition one way",
      "network: partition two ways",
      "network: request repeated",
      "network: reset after the request was acted on",
      "node: crash",
      "node: stop",
      "storm",
  };
  return all;
}

void Breaker::start() {
  calm();
  const Breakage& every = scenario_.every;
  const std::pair<double, Task<void> (Breaker::*)()> all[] = {
      {every.crash, &Breaker::crash_node},
      {every.stop, &Breaker::stop_node},
      {every.partition, &Breaker::partition},
      {every.isolation, &Breaker::isolate},
      {every.database_crash, &Breaker::crash_database},
      {every.clock, &Breaker::change_clock},
      {every.storm, &Breaker::storm},
  };
  for (const auto& [seconds, breakage] : all) {
    if (seconds <= 0) continue;
    Spawn(cluster_.world().env(),
          repeat(seconds, [this, breakage = breakage] { return (this->*breakage)(); }));
  }
}

void Breaker::calm() {
  cluster_.network().set_faults(scenario_.network);
  cluster_.database().set_faults(scenario_.faults);
}

void Breaker::mend() {
  over_ = true;
  cluster_.network().heal();
  cluster_.network().set_faults(NetworkFaults());
  cluster_.database().set_faults(DatabaseFaults());
  cluster_.database().heal();
  cluster_.database().spare();
  cluster_.start();
}

Task<void> Breaker::pause(Duration least, Duration most) {
  const Duration time = cluster_.world().between(least, most);
  co_await cluster_.world().env().sleep(time);
}

Task<void> Breaker::repeat(double every, std::function<Task<void>()> breakage) {
  const Duration twice(static_cast<int64_t>(2e6 * every));
  for (;;) {
    co_await pause(Duration(0), twice);
    if (over_) co_return;
    co_await breakage();
  }
}

SimNode& Breaker::any_node() {
  auto& nodes = cluster_.nodes();
  return *nodes[cluster_.world().below(nodes.size())];
}

Task<void> Breaker::crash_node() {
  SimNode& node = any_node();
  if (!node.is_running()) co_return;
  cluster_.world().hit("node: crash");
  node.crash();
  co_await pause(Milliseconds(10), kLongestOutage);
  node.start();
}

Task<void> Breaker::stop_node() {
  SimNode& node = any_node();
  if (!node.is_running()) co_return;
  cluster_.world().hit("node: stop");
  co_await node.stop();
  co_await pause(Milliseconds(10), kLongestOutage);
  node.start();
}

// Some clients and a node don't hear each other, or one of them doesn't.
Task<void> Breaker::partition() {
  World& world = cluster_.world();
  const Address node = any_node().address();
  const uint64_t ways = 1 + world.below(3);
  world.hit(ways == 3 ? "network: partition two ways" : "network: partition one way");
  world.note("network", absl::StrCat(node, " is cut off (", ways, ")"));
  for (const Address& client : cluster_.clients()) {
    if (world.chance(0.3)) continue;
    if ((ways & 1) != 0) cluster_.network().cut(client, node);
    if ((ways & 2) != 0) cluster_.network().cut(node, client);
  }
  co_await pause(Milliseconds(10), kLongestOutage);
  world.note("network", "heals");
  cluster_.network().heal();
}

Task<void> Breaker::isolate() {
  SimNode& node = any_node();
  if (!node.is_running()) co_return;
  cluster_.world().note("database", absl::StrCat("can't be reached from ", node.address()));
  cluster_.database().cut_off(node.address());
  co_await pause(Milliseconds(10), kLongestOutage);
  cluster_.database().heal();
}

Task<void> Breaker::crash_database() {
  const Duration down = cluster_.world().between(Milliseconds(10), kLongestOutage);
  if (cluster_.world().chance(0.5)) {
    if (cluster_.database().is_up()) cluster_.world().hit("database: crash between two batches");
    cluster_.database().crash(down);
  } else {
    cluster_.database().crash_at_next_commit(down);
  }
  co_await cluster_.world().env().sleep(down);
}

Task<void> Breaker::change_clock() {
  World& world = cluster_.world();
  SimNode& node = any_node();
  if (!node.is_running()) co_return;
  if (world.chance(0.5)) {
    const Duration error = world.between(Seconds(-kMaxError), Seconds(kMaxError));
    world.hit("clock: jump");
    world.note(node.address(), absl::StrCat("clock is wrong by ", error.value(), " us"));
    node.env().set_clock_error(error);
  } else {
    world.hit("clock: drift");
    const auto ppm = static_cast<int64_t>(world.below(2 * kMaxDriftPpm));
    node.env().set_drift(ppm - kMaxDriftPpm);
  }
  co_return;
}

Task<void> Breaker::storm() {
  cluster_.world().hit("storm");
  NetworkFaults network = scenario_.network;
  for (double* p : {&network.loss, &network.repetition, &network.delay, &network.reset}) {
    *p = std::min(0.5, *p * kStorm);
  }
  DatabaseFaults database = scenario_.faults;
  for (double* p : {&database.retryable, &database.unavailable, &database.lost_before,
                    &database.lost_after, &database.slow}) {
    *p = std::min(0.5, *p * kStorm);
  }
  cluster_.network().set_faults(network);
  cluster_.database().set_faults(database);
  co_await pause(Seconds(1), kLongestOutage);
  if (!over_) calm();
}

}  // namespace holdfast::sim
