// What the clients of a run do, and what must have come of it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sim/clients/actor.h"

namespace holdfast::sim {

// One client's part. `actor` outlives it.
class Workload {
 public:
  explicit Workload(Actor& actor) : actor_(actor) {}
  virtual ~Workload() = default;
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // Before anything is broken; asked of the first client of a kind only.
  virtual Task<void> setup() { co_return; }
  // One thing after another, while the run goes on.
  virtual Task<void> step() = 0;
  // When everything is mended and at rest.
  virtual Task<void> check() { co_return; }

 protected:
  [[nodiscard]] Actor& actor() { return actor_; }
  [[nodiscard]] World& world() { return actor_.world(); }

 private:
  Actor& actor_;
};

using MakeWorkload = std::unique_ptr<Workload> (*)(Actor&);
// All there are, by the names that scenarios use.
[[nodiscard]] const std::map<std::string, MakeWorkload>& Workloads();

}  // namespace holdfast::sim
