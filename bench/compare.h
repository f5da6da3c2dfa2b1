// Contenders that do the same work, one after the other, again and again: what the machine does
// meanwhile hits all of them alike.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/load.h"

namespace holdfast::bench {

struct Contender {
  std::string name;
  std::function<Sample()> run;  // one stretch
};

struct Measured {
  std::string name;
  std::vector<Sample> rounds;
};

// Median and extremes of one figure over the rounds.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
[[nodiscard]] Spread SpreadOf(std::vector<double> values);

struct Rounds {
  int count = 5;
  pid_t postmaster = 0;  // whose sessions' processor time is measured
};

// Each round runs all contenders; who begins moves on by one each round.
[[nodiscard]] std::vector<Measured> Compare(const std::vector<Contender>& contenders,
                                            Rounds rounds);

[[nodiscard]] const Measured& Find(const std::vector<Measured>& all, const std::string& name);

// `figure` of a divided by that of b, round by round.
[[nodiscard]] std::vector<double> Ratios(const std::vector<Measured>& all, const std::string& a,
                                         const std::string& b,
                                         double Sample::*figure = &Sample::per_second);

}  // namespace holdfast::bench
