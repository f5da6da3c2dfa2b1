// Opens a deployment's database, with patience for a server that isn't there yet.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/app/holdfastd/config.h"
#include "holdfast/env/env.h"
#include "holdfast/env/event.h"
#include "holdfast/storage/engine.h"

namespace holdfast::app {

// Between two attempts to reach a database server, each with a line in the log.
inline constexpr Duration kDatabaseRetryInterval = Seconds(3);

// `config` says which deployment and how long to wait; `stopping` ends the wait. UNAVAILABLE, and
// what to do, when the server can't be reached.
[[nodiscard]] Task<absl::StatusOr<std::unique_ptr<storage::Engine>>> OpenDatabase(
    Env& env, const Config& config, const DeploymentConfig& deployment,
    std::vector<storage::IndexDefinition> indexes, OneShot stopping);

}  // namespace holdfast::app
