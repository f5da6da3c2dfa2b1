#include "sim/run/run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/run/breaker.h"
#include "sim/run/campaign.h"

namespace holdfast::sim {
namespace {

class EveryScenario : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Of, EveryScenario, ::testing::Range(size_t{0}, Scenarios().size()),
                         [](const auto& of) { return Scenarios()[of.param].name; });

std::string Text(const RunResult& result) {
  std::string text;
  for (const std::string& line : result.trace) text += line + "\n";
  return text;
}

TEST_P(EveryScenario, KeepsItsPromisesAndIsTheSameTwice) {
  const Scenario& scenario = Scenarios()[GetParam()];
  const RunResult first = Simulate(scenario, 11);
  EXPECT_EQ(first.verdict, RunResult::Verdict::kGood) << Text(first);
  EXPECT_GE(first.operations, 200);
  const RunResult again = Simulate(scenario, 11);
  EXPECT_EQ(first.hash, again.hash);
  EXPECT_EQ(first.hits, again.hits);
  EXPECT_NE(first.hash, Simulate(scenario, 12).hash);
}

TEST(Run, DoesWhatItSaysInTheTrace) {
  int events = 0;
  const RunResult result = Simulate(
      Scenarios()[0], 1, [&events](const TraceEvent& event) { events += !event.who.empty(); });
  EXPECT_GT(events, result.operations);
  EXPECT_GT(result.commits, 0);
  EXPECT_GT(result.time, Seconds(1));
}

TEST(Campaign, AddsUpItsRunsAndFindsNoFaultThatIsNotListed) {
  CampaignOptions options;
  options.seeds = 7;
  options.first = 100;
  const absl::StatusOr<Report> report = RunCampaign(options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->seeds, 7u);
  EXPECT_EQ(report->failures.size(), 0u);
  for (const auto& [what, n] : report->hits) {
    const bool is_fault = what.starts_with("database: ") || what.starts_with("network: ") ||
                          what.starts_with("node: ") || what.starts_with("clock: ");
    if (!is_fault) continue;
    const std::vector<std::string>& all = FaultClasses();
    EXPECT_TRUE(std::find(all.begin(), all.end(), what) != all.end()) << what;
  }
  options.scenario = "none";
  EXPECT_EQ(RunCampaign(options).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace holdfast::sim
