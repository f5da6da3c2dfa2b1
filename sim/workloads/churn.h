// Everything at once on few names of the network example: creates, updates, references that move,
// deletes with cascades, lists, transactions; at a limit.
#pragma once

#include <string>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class Churn final : public Workload {
 public:
  using Workload::Workload;
  Task<void> setup() override;
  Task<void> step() override;

 private:
  [[nodiscard]] std::string project();
  [[nodiscard]] std::string vpc();
  [[nodiscard]] std::string any_name(const std::string& kind);
  [[nodiscard]] Write any_create();
  Task<void> send(const Write& write);
  Task<void> create();
  Task<void> update();
  Task<void> erase();
  Task<void> transact();
  Task<void> read();
};

}  // namespace holdfast::sim
