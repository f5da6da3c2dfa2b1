#include "sim/run/scenario.h"

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "sim/embedded.h"
#include "sim/workloads/workload.h"

namespace holdfast::sim {
namespace {

// Takes the fields of one map, and complains of those that nobody took.
class Fields {
 public:
  Fields(const YAML::Node& node, std::string place) : place_(std::move(place)) {
    if (!node) return;
    if (!node.IsMap()) throw YAML::Exception(node.Mark(), place_ + " isn't a map");
    for (const auto& entry : node) left_.emplace(entry.first.as<std::string>(), entry.second);
  }
  template <class T>
  void take(const std::string& name, T& value) {
    const auto found = left_.find(name);
    if (found == left_.end()) return;
    value = found->second.template as<T>();
    left_.erase(found);
  }
  [[nodiscard]] YAML::Node take_node(const std::string& name) {
    const auto found = left_.find(name);
    if (found == left_.end()) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node node = found->second;
    left_.erase(found);
    return node;
  }
  void done() const {
    if (left_.empty()) return;
    const auto& [name, node] = *left_.begin();
    throw YAML::Exception(node.Mark(), absl::StrCat("what is ", place_, name, "?"));
  }

 private:
  std::string place_;
  std::map<std::string, YAML::Node> left_;
};

// A map of numbers.
void Read(Fields fields, std::initializer_list<std::pair<const char*, double*>> numbers) {
  for (const auto& [name, value] : numbers) fields.take(name, *value);
  fields.done();
}

Scenario Parse(const std::string& name, const YAML::Node& root) {
  Scenario scenario;
  scenario.name = name;
  Fields fields(root, "");
  fields.take("service", scenario.service);
  std::string database = "either";
  fields.take("database", database);
  if (database == "memory") scenario.database = Database::Make::kMemory;
  if (database == "sqlite") scenario.database = Database::Make::kSqlite;
  if (database != "either" && !scenario.database.has_value()) {
    throw YAML::Exception(root.Mark(), absl::StrCat("no database is called ", database));
  }
  if (scenario.service != "network" && scenario.service != "archive") {
    throw YAML::Exception(root.Mark(), absl::StrCat("no service is called ", scenario.service));
  }
  fields.take("operations", scenario.operations);
  Fields nodes(fields.take_node("nodes"), "nodes.");
  nodes.take("least", scenario.least_nodes);
  nodes.take("most", scenario.most_nodes);
  nodes.done();
  Fields retention(fields.take_node("retention"), "retention.");
  retention.take("least", scenario.least_retention);
  retention.take("most", scenario.most_retention);
  retention.done();
  NetworkFaults& network = scenario.network;
  Read(Fields(fields.take_node("network"), "network."), {{"loss", &network.loss},
                                                         {"repetition", &network.repetition},
                                                         {"delay", &network.delay},
                                                         {"reset", &network.reset}});
  DatabaseFaults& faults = scenario.faults;
  Read(Fields(fields.take_node("faults"), "faults."), {{"retryable", &faults.retryable},
                                                       {"unavailable", &faults.unavailable},
                                                       {"lost_before", &faults.lost_before},
                                                       {"lost_after", &faults.lost_after},
                                                       {"slow", &faults.slow}});
  Breakage& every = scenario.every;
  Read(Fields(fields.take_node("every"), "every."), {{"crash", &every.crash},
                                                     {"stop", &every.stop},
                                                     {"partition", &every.partition},
                                                     {"isolation", &every.isolation},
                                                     {"database_crash", &every.database_crash},
                                                     {"clock", &every.clock},
                                                     {"storm", &every.storm}});
  fields.take("clients", scenario.clients);
  fields.done();
  for (const auto& [workload, n] : scenario.clients) {
    if (Workloads().count(workload) == 0) {
      throw YAML::Exception(root.Mark(), absl::StrCat("no workload is called ", workload));
    }
  }
  return scenario;
}

}  // namespace

absl::StatusOr<Scenario> ParseScenario(const std::string& name, const std::string& yaml) {
  try {
    return Parse(name, YAML::Load(yaml));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".yaml: ", e.what()));
  }
}

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> parsed;
    for (const auto& [name, text] : embedded::kScenarios) {
      absl::StatusOr<Scenario> scenario = ParseScenario(std::string(name), std::string(text));
      HF_CHECK(scenario.ok()) << scenario.status();
      parsed.push_back(*std::move(scenario));
    }
    return parsed;
  }();
  return all;
}

}  // namespace holdfast::sim
