// Clients that ask again with the same request_id, also when they have their answer.
#pragma once

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class Repeats final : public Workload {
 public:
  using Workload::Workload;
  Task<void> setup() override;
  Task<void> step() override;
};

}  // namespace holdfast::sim
