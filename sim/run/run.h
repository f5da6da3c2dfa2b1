// One run: a cluster, its clients and what breaks, all made from a scenario and a seed. The same
// two give the same run, to the last message.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/run/scenario.h"

namespace holdfast::sim {

struct RunResult {
  enum class Verdict {
    kGood,
    kBroken,  // a promise
    kStuck,   // it doesn't come to rest
  };
  Verdict verdict = Verdict::kGood;
  std::optional<Violation> violation;
  std::vector<std::string> trace;  // unless good: the last events about what is broken
  int64_t operations = 0;
  int64_t commits = 0;
  Duration time;  // simulated
  uint64_t hash = 0;
  std::map<std::string, int64_t> hits;
};

using TraceListener = std::function<void(const TraceEvent&)>;

[[nodiscard]] RunResult Simulate(const Scenario& scenario, uint64_t seed,
                                 const TraceListener& listener = nullptr);

}  // namespace holdfast::sim
