// Lists that are only ever appended to, several in one transaction, kept for the check that all
// transactions together are serializable.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class Ledger final : public Workload {
 public:
  using Workload::Workload;
  Task<void> setup() override;
  Task<void> step() override;
  Task<void> check() override;

 private:
  struct Page {
    std::vector<uint64_t> entries;
    std::string etag;
  };
  Task<std::map<std::string, Page>> read(std::vector<std::string> names);
  [[nodiscard]] std::vector<std::string> some_names();
};

}  // namespace holdfast::sim
