// A deployment of a simulated run: its database, its nodes, the network between them and clients,
// and the oracle beside the database.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sim/checkers/oracle.h"
#include "sim/cluster/node.h"

namespace holdfast::sim {

class Cluster {
 public:
  Cluster(World& world, const SimService& service, Database::Make make, size_t nodes,
          NodeOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const SimService& service() const { return service_; }
  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] Database& database() { return database_; }
  [[nodiscard]] Oracle& oracle() { return oracle_; }
  [[nodiscard]] std::vector<std::unique_ptr<SimNode>>& nodes() { return nodes_; }
  void start();

  // Addresses that clients call from.
  [[nodiscard]] const std::vector<Address>& clients() const { return clients_; }
  void add_client(Address address) { clients_.push_back(std::move(address)); }
  // Calls that clients have made, attempts counted one by one.
  [[nodiscard]] int64_t operations() const { return operations_; }
  void count_operation() { ++operations_; }

 private:
  World& world_;
  const SimService& service_;
  Network network_;
  Database database_;
  Oracle oracle_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<Address> clients_;
  int64_t operations_ = 0;
};

}  // namespace holdfast::sim
