#include "bench/compare.h"

#include <unistd.h>

#include <algorithm>

#include "bench/process.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .min = values.front(), .max = values.back()};
}

namespace {

Sample RunMetered(const Contender& contender, pid_t postmaster) {
  const double own = CpuSeconds(getpid());
  const double backends = CpuOfServer(postmaster)["backends"];
  Sample sample = contender.run();
  if (sample.all == 0) return sample;
  const double us = 1e6 / static_cast<double>(sample.all);
  sample.own_cpu_us = (CpuSeconds(getpid()) - own) * us;
  sample.backend_cpu_us = (CpuOfServer(postmaster)["backends"] - backends) * us;
  return sample;
}

}  // namespace

std::vector<Measured> Compare(const std::vector<Contender>& contenders, Rounds rounds) {
  std::vector<Measured> all;
  for (const Contender& contender : contenders)
    all.push_back({.name = contender.name, .rounds = {}});
  for (int round = 0; round < rounds.count; ++round) {
    for (size_t i = 0; i < contenders.size(); ++i) {
      const size_t turn = (i + static_cast<size_t>(round)) % contenders.size();
      all[turn].rounds.push_back(RunMetered(contenders[turn], rounds.postmaster));
    }
  }
  return all;
}

const Measured& Find(const std::vector<Measured>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Measured& m) { return m.name == name; });
  HF_CHECK(found != all.end()) << name;
  return *found;
}

std::vector<double> Ratios(const std::vector<Measured>& all, const std::string& a,
                           const std::string& b, double Sample::*figure) {
  const Measured& above = Find(all, a);
  const Measured& below = Find(all, b);
  std::vector<double> ratios;
  for (size_t i = 0; i < above.rounds.size(); ++i) {
    const double divisor = below.rounds[i].*figure;
    ratios.push_back(divisor > 0 ? above.rounds[i].*figure / divisor : 0);
  }
  return ratios;
}

}  // namespace holdfast::bench
