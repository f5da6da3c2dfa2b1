// Breaks things in a run, at random moments, and mends them again.
#pragma once

#include <functional>

#include "sim/cluster/cluster.h"
#include "sim/run/scenario.h"

namespace holdfast::sim {

// All that a run may count under World::hit() as something gone wrong. What is counted and not in
// here is a defect; what is never hit isn't tested.
[[nodiscard]] const std::vector<std::string>& FaultClasses();

class Breaker {
 public:
  // Both outlive the breaker.
  Breaker(Cluster& cluster, const Scenario& scenario) : cluster_(cluster), scenario_(scenario) {}

  void start();
  // From now on nothing breaks, and in a moment nothing is broken.
  void mend();

 private:
  // Again and again, after times that are `every` seconds on the average.
  Task<void> repeat(double every, std::function<Task<void>()> breakage);
  [[nodiscard]] Task<void> pause(Duration least, Duration most);
  [[nodiscard]] SimNode& any_node();

  Task<void> crash_node();
  Task<void> stop_node();
  Task<void> partition();
  Task<void> isolate();
  Task<void> crash_database();
  Task<void> change_clock();
  Task<void> storm();
  void calm();

  Cluster& cluster_;
  const Scenario& scenario_;
  bool over_ = false;
};

}  // namespace holdfast::sim
