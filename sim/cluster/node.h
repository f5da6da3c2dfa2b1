// One server process of a deployment in a simulated run: what `holdfastd` wires, on a simulated
// machine, behind a simulated network, on a database that it shares with the other nodes.
#pragma once

#include <memory>
#include <string>

#include "holdfast/env/event.h"
#include "holdfast/feed/feed.h"
#include "sim/cluster/service.h"
#include "sim/database/database.h"
#include "sim/env/network.h"

namespace holdfast::sim {

struct NodeOptions {
  // Small, so that deletions of a dozen resources are large ones, and take several batches.
  size_t max_batch_ops = 40;
  size_t max_inline_dependants = 6;
  size_t max_probed = 60;
  Duration closing_patience = Seconds(5);
  size_t cache_bytes = 64 << 10;
  Duration retention = Seconds(120);
  Duration purge_interval = Seconds(20);
  // Small, so that readers fall out of the ring and revisions don't fit into pages.
  feed::FeedOptions feed;
};

class SimNode {
 public:
  // All outlive the node.
  SimNode(World& world, Network& network, Database& database, const SimService& service,
          Address address, NodeOptions options);
  ~SimNode();
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] bool is_running() const { return process_ != nullptr; }
  // Begins to serve as soon as the database answers.
  void start();
  // Dies between any two of its steps. Not from a task of its own.
  void crash();
  // Stopped as SIGTERM does: refuses new work, ends what is under way, then dies.
  Task<void> stop();
  [[nodiscard]] NodeEnv& env();
  // What its background work has done, and what stopped it last; for who is stuck.
  [[nodiscard]] std::string background() const;

 private:
  class Process;

  World& world_;
  Network& network_;
  Database& database_;
  const SimService& service_;
  const Address address_;
  const NodeOptions options_;
  std::unique_ptr<Process> process_;
};

}  // namespace holdfast::sim
