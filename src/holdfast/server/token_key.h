// The key that signs page and resume tokens: one for all nodes of a deployment.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"

namespace holdfast::server {

// From the database, made on first use. Nodes that start at the same time agree on one.
[[nodiscard]] Task<absl::StatusOr<std::string>> LoadTokenKey(Env& env, storage::Engine& engine);

}  // namespace holdfast::server
