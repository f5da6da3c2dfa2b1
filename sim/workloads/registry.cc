#include "sim/workloads/archive_graph.h"
#include "sim/workloads/churn.h"
#include "sim/workloads/large_deletion.h"
#include "sim/workloads/ledger.h"
#include "sim/workloads/registers.h"
#include "sim/workloads/repeats.h"
#include "sim/workloads/watcher.h"
#include "sim/workloads/workload.h"

namespace holdfast::sim {
namespace {

template <class W>
std::unique_ptr<Workload> Make(Actor& actor) {
  return std::make_unique<W>(actor);
}

}  // namespace

const std::map<std::string, MakeWorkload>& Workloads() {
  static const std::map<std::string, MakeWorkload> all = {
      {"archive_graph", &Make<ArchiveGraph>},
      {"churn", &Make<Churn>},
      {"large_deletion", &Make<LargeDeletion>},
      {"ledger", &Make<Ledger>},
      {"registers", &Make<Registers>},
      {"repeats", &Make<Repeats>},
      {"watcher", &Make<Watcher>},
  };
  return all;
}

}  // namespace holdfast::sim
