// The package archive in small: packages that depend on each other in circles, made and changed in
// transactions, and sources whose deletion takes them along.
#pragma once

#include <string>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class ArchiveGraph final : public Workload {
 public:
  using Workload::Workload;
  Task<void> setup() override;
  Task<void> step() override;

 private:
  [[nodiscard]] std::string package();
  [[nodiscard]] std::string source();
  [[nodiscard]] std::string data();
  void refer(Write& write);
  Task<void> create();
  Task<void> create_data();
  Task<void> erase();
};

}  // namespace holdfast::sim
