#include "bench/report.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "absl/strings/str_format.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::bench {
namespace {

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

double LoadAverage() {
  std::ifstream file("/proc/loadavg");
  double load = 0;
  file >> load;
  return load;
}

Spread SpreadOver(const Measured& measured, double Sample::*figure) {
  std::vector<double> values;
  for (const Sample& sample : measured.rounds) values.push_back(sample.*figure);
  return SpreadOf(std::move(values));
}

nlohmann::ordered_json ToJson(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.min}, {"max", spread.max}};
}

}  // namespace

Report::Report(std::string name) : name_(std::move(name)) {
  json_["machine"] = {{"processor", ProcessorName()},
                      {"cores", std::thread::hardware_concurrency()},
                      {"load_before", LoadAverage()}};
  json_["results"] = nlohmann::ordered_json::array();
  json_["ratios"] = nlohmann::ordered_json::object();
}

void Report::fact(const std::string& key, const std::string& value) {
  json_["machine"][key] = value;
}

void Report::add(std::string_view title, const std::vector<Measured>& measured) {
  std::cout << absl::StreamFormat("\n%s\n  %-34s %8s %17s %8s %8s %16s\n", ToAbsl(title), "",
                                  "per s", "(min..max)", "p50 us", "p99 us", "cpu us own+db");
  for (const Measured& m : measured) {
    const Spread rate = SpreadOver(m, &Sample::per_second);
    const Spread p50 = SpreadOver(m, &Sample::p50_us);
    const Spread p99 = SpreadOver(m, &Sample::p99_us);
    const Spread own = SpreadOver(m, &Sample::own_cpu_us);
    const Spread backends = SpreadOver(m, &Sample::backend_cpu_us);
    std::cout << absl::StreamFormat(
        "  %-34s %8.0f %17s %8.0f %8.0f %16s\n", m.name, rate.median,
        absl::StrFormat("(%.0f..%.0f)", rate.min, rate.max), p50.median, p99.median,
        own.max > 0 ? absl::StrFormat("%.0f+%.0f", own.median, backends.median) : "");
    json_["results"].push_back({{"comparison", title},
                                {"name", m.name},
                                {"rounds", m.rounds.size()},
                                {"per_second", ToJson(rate)},
                                {"p50_us", ToJson(p50)},
                                {"p99_us", ToJson(p99)},
                                {"own_cpu_us", ToJson(own)},
                                {"backend_cpu_us", ToJson(backends)}});
  }
  std::cout << std::flush;
}

void Report::figures(std::string_view title,
                     const std::vector<std::pair<std::string, double>>& figures) {
  std::cout << "\n" << title << "\n";
  nlohmann::ordered_json result = {{"comparison", title}};
  for (const auto& [key, value] : figures) {
    std::cout << absl::StreamFormat("  %-58s %12.1f\n", key, value);
    result[key] = value;
  }
  json_["results"].push_back(std::move(result));
  std::cout << std::flush;
}

void Report::ratio(const std::string& key, const std::vector<double>& rounds, double at_least) {
  const Spread spread = SpreadOf(rounds);
  lines_.push_back({.key = key, .spread = spread, .at_least = at_least});
  json_["ratios"][key] = spread.median;
}

void Report::finish(const std::string& folder) {
  std::cout << absl::StreamFormat("\n%-28s %8s %18s %9s\n", "ratio", "median", "(min..max)",
                                  "at least");
  int short_lines = 0;
  for (const Line& line : lines_) {
    const bool falls_short = line.spread.median < line.at_least;
    if (falls_short) ++short_lines;
    std::cout << absl::StreamFormat(
        "%-28s %8.3f %18s %9.2f%s\n", line.key, line.spread.median,
        absl::StrFormat("(%.2f..%.2f)", line.spread.min, line.spread.max), line.at_least,
        falls_short ? "  FALLS SHORT" : "");
  }
  json_["machine"]["load_after"] = LoadAverage();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/" + name_ + ".json";
  std::ofstream(path) << json_.dump(2) << "\n";
  std::cout << absl::StreamFormat("\n%d of %d lines fall short; all figures are in %s\n",
                                  short_lines, lines_.size(), path);
}

}  // namespace holdfast::bench
