// What a run is made of, from a file of sim/scenarios: a service, a database, nodes, who does what,
// and what breaks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/cluster/cluster.h"

namespace holdfast::sim {

// How often, in seconds on the average; 0: never.
struct Breakage {
  double crash = 0;      // of a node, at any of its steps
  double stop = 0;       // of a node, in good order
  double partition = 0;  // between a node and some clients, one way or both
  double isolation = 0;  // of a node from the database
  double database_crash = 0;
  double clock = 0;  // a node's clock jumps, or changes its pace
  double storm = 0;  // everything that may fail does so often, for a while
};

struct Scenario {
  std::string name;
  std::string service = "network";         // or "archive"
  std::optional<Database::Make> database;  // unset: the seed chooses
  int64_t least_nodes = 1;
  int64_t most_nodes = 3;
  int64_t operations = 300;
  // How long nodes remember requests and deletions, in seconds. Clients repeat requests for a
  // minute, and clocks may be wrong by 40 s either way (Breaker).
  int64_t least_retention = 160;
  int64_t most_retention = 240;
  std::map<std::string, int64_t> clients;  // by workload
  NetworkFaults network;
  DatabaseFaults faults;
  Breakage every;
};

// INVALID_ARGUMENT for what it doesn't know.
[[nodiscard]] absl::StatusOr<Scenario> ParseScenario(const std::string& name,
                                                     const std::string& yaml);
// Those of this program, in order of name.
[[nodiscard]] const std::vector<Scenario>& Scenarios();

}  // namespace holdfast::sim
