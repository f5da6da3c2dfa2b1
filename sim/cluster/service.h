// A service that simulated nodes serve: its schema, compiled once a process, and its hooks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/schema/schema.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/hooks.h"

namespace holdfast::sim {

struct SimService {
  std::unique_ptr<schema::Schema> schema;
  const schema::Service* service = nullptr;
  std::function<void(store::HookRegistry&)> register_hooks;

  [[nodiscard]] std::vector<storage::IndexDefinition> indexes() const;
  [[nodiscard]] const schema::Kind& kind(const std::string& message_name) const;
  // `kind` is nullptr for Transact, ExplainDelete, ListReferrers.
  [[nodiscard]] const schema::Method& method(schema::Verb verb, const schema::Kind* kind) const;
};

// examples/network with its hooks; examples/archive. They live as long as the process.
[[nodiscard]] const SimService& NetworkService();
[[nodiscard]] const SimService& ArchiveService();

}  // namespace holdfast::sim
