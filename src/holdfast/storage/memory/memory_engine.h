// A database as plain ordered maps: what the simulator runs on, and the model that other engines
// are compared with. Durable as long as the object lives.
#pragma once

#include <memory>
#include <string>

#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"

namespace holdfast::storage {

struct MemoryEngineOptions {
  std::string incarnation = "memory";
};

// Thread-safe. Every call suspends at least once, as one to a real database would. Snapshots may
// outlive the engine; `env` must outlive both.
[[nodiscard]] std::unique_ptr<Engine> NewMemoryEngine(Env& env, MemoryEngineOptions options = {});

}  // namespace holdfast::storage
