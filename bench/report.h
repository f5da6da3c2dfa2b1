// What a benchmark program says: tables as it goes, the ratios with what they must reach at the
// end, and all of it as JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/compare.h"
#include "nlohmann/json.hpp"

namespace holdfast::bench {

class Report {
 public:
  explicit Report(std::string name);

  // A table of one comparison.
  void add(std::string_view title, const std::vector<Measured>& measured);
  // A line of `ratios`: the median over the rounds. 0 as `at_least`: only reported.
  void ratio(const std::string& key, const std::vector<double>& rounds, double at_least);
  // Figures beside the throughput: printed, and kept in the results under `title`.
  void figures(std::string_view title, const std::vector<std::pair<std::string, double>>& figures);
  void fact(const std::string& key, const std::string& value);  // of the machine

  // Writes <folder>/<name>.json, and prints the ratios and which fall short.
  void finish(const std::string& folder);

 private:
  struct Line {
    std::string key;
    Spread spread;
    double at_least;
  };
  std::string name_;
  nlohmann::ordered_json json_;
  std::vector<Line> lines_;
};

}  // namespace holdfast::bench
