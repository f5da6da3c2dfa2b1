// Reads and writes of single resources, blind and by etag, kept for the check that each of them is
// linearizable.
#pragma once

#include <map>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class Registers final : public Workload {
 public:
  using Workload::Workload;
  Task<void> step() override;

 private:
  Task<void> create(ResourceKey key);
  Task<void> update(ResourceKey key);
  Task<void> erase(ResourceKey key);
  Task<void> read(ResourceKey key);
  // nullptr: not this one.
  const ResourceFacts* expect_known(const ResourceKey& key, RegisterOp& op);
  void keep(const ResourceKey& key, RegisterOp op, const Answer& answer);

  std::map<ResourceKey, ResourceFacts> known_;  // as last read
};

}  // namespace holdfast::sim
