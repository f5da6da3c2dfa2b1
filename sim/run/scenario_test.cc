#include "sim/run/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sim/workloads/workload.h"

namespace holdfast::sim {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& yaml) {
  return std::string(ParseScenario("x", yaml).status().message());
}

TEST(Scenario, SaysWhatRunsAndWhatBreaks) {
  const absl::StatusOr<Scenario> scenario = ParseScenario("x", R"(
service: archive
database: sqlite
nodes: {least: 2, most: 5}
operations: 77
clients: {archive_graph: 3}
network: {loss: 0.5}
faults: {lost_after: 0.25}
every: {crash: 9}
)");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_EQ(scenario->service, "archive");
  EXPECT_EQ(scenario->database, Database::Make::kSqlite);
  EXPECT_EQ(scenario->least_nodes, 2);
  EXPECT_EQ(scenario->most_nodes, 5);
  EXPECT_EQ(scenario->operations, 77);
  EXPECT_EQ(scenario->clients.at("archive_graph"), 3);
  EXPECT_EQ(scenario->network.loss, 0.5);
  EXPECT_EQ(scenario->faults.lost_after, 0.25);
  EXPECT_EQ(scenario->every.crash, 9);
}

TEST(Scenario, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(ErrorOf("colour: red"), HasSubstr("what is colour?"));
  EXPECT_THAT(ErrorOf("every: {earthquake: 3}"), HasSubstr("what is every.earthquake?"));
  EXPECT_THAT(ErrorOf("clients: {gardener: 1}"), HasSubstr("no workload is called gardener"));
  EXPECT_THAT(ErrorOf("database: oracle"), HasSubstr("no database is called oracle"));
  EXPECT_THAT(ErrorOf("service: bakery"), HasSubstr("no service is called bakery"));
  EXPECT_THAT(ErrorOf("network: 3"), HasSubstr("isn't a map"));
  EXPECT_THAT(ErrorOf("service: ["), HasSubstr("x.yaml"));
}

TEST(Scenario, EveryWorkloadIsInOne) {
  std::set<std::string> used;
  for (const Scenario& scenario : Scenarios()) {
    for (const auto& [workload, clients] : scenario.clients) used.insert(workload);
  }
  for (const auto& [workload, make] : Workloads()) EXPECT_EQ(used.count(workload), 1u) << workload;
}

}  // namespace
}  // namespace holdfast::sim
