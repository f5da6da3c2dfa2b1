// VPCs too large to go in one batch are built and deleted, while others put something below them
// or let something stand against it.
#pragma once

#include <string>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class LargeDeletion final : public Workload {
 public:
  using Workload::Workload;
  Task<void> setup() override;
  Task<void> step() override;

 private:
  Task<void> build(std::string vpc);
  Task<void> disturb(std::string vpc);
  Task<void> replace_tenant();
  Task<void> erase(std::string vpc);
};

}  // namespace holdfast::sim
