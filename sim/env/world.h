// One simulated run: its time, its chance, what has been broken on purpose, what has been seen.
// Everything in it is made from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/types.h"
#include "holdfast/env/scheduler.h"
#include "sim/env/node_env.h"
#include "sim/env/trace.h"

namespace holdfast::sim {

// The first promise that was seen broken.
struct Violation {
  std::string rule;  // "I2", "linearizable"
  std::string what;
  std::vector<ResourceKey> keys;
  Duration at;
};

class World {
 public:
  explicit World(uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] const std::shared_ptr<Scheduler>& scheduler() const { return scheduler_; }
  [[nodiscard]] Duration now() const { return scheduler_->now(); }
  // Of what never dies: the network, databases, clients, and who breaks things.
  [[nodiscard]] NodeEnv& env() { return env_; }
  // For a machine that may.
  [[nodiscard]] std::unique_ptr<NodeEnv> make_env();

  // Chance. Draws are in program order.
  [[nodiscard]] uint64_t below(uint64_t n);
  [[nodiscard]] bool chance(double p);
  [[nodiscard]] Duration between(Duration least, Duration most);

  // Counts a fault of this class as hit.
  void hit(const std::string& fault_class) { ++hits_[fault_class]; }
  [[nodiscard]] const std::map<std::string, int64_t>& hits() const { return hits_; }

  [[nodiscard]] Trace& trace() { return trace_; }
  void note(std::string who, std::string what, std::vector<ResourceKey> keys = {});

  // Only the first is kept: the others follow from it.
  void violated(std::string rule, std::string what, std::vector<ResourceKey> keys = {});
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

  // One more at each call: the order in which things happened.
  [[nodiscard]] int64_t next_event() { return ++events_; }
  [[nodiscard]] int64_t events() const { return events_; }

 private:
  std::shared_ptr<Scheduler> scheduler_;  // shared with all lanes
  SeededRandom chance_;
  NodeEnv env_;
  std::map<std::string, int64_t> hits_;
  Trace trace_;
  std::optional<Violation> violation_;
  int64_t events_ = 0;
};

}  // namespace holdfast::sim
