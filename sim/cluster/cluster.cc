#include "sim/cluster/cluster.h"

#include "absl/strings/str_cat.h"

namespace holdfast::sim {

Cluster::Cluster(World& world, const SimService& service, Database::Make make, size_t nodes,
                 NodeOptions options)
    : world_(world),
      service_(service),
      network_(world),
      database_(world, make, service.indexes()),
      oracle_(world, *service.schema, *service.service) {
  database_.observe([this](const storage::Batch& batch, Revision revision) {
    oracle_.committed(batch, revision);
  });
  for (size_t i = 1; i <= nodes; ++i) {
    // Not all nodes of a deployment have the same settings at all times: a deletion that is a small
    // one here may be large there.
    options.max_inline_dependants = 2 + world.below(10);
    nodes_.push_back(std::make_unique<SimNode>(world, network_, database_, service,
                                               absl::StrCat("node ", i), options));
  }
}

Cluster::~Cluster() {
  nodes_.clear();
  // What the nodes had sent: nobody waits for it any more.
  world_.env().close();
}

void Cluster::start() {
  for (const std::unique_ptr<SimNode>& node : nodes_) node->start();
}

}  // namespace holdfast::sim
