// A connection string as the parameters of each of its hosts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/batch/postgres/connection.h"
#include "holdfast/batch/postgres/options.h"

namespace holdfast::batch::postgres {

// One element for each host, to be tried in this order. libpq would try them itself, but a host
// that doesn't answer at all would keep it from the others. Errors never quote the string: it may
// hold a password. `settings` are sent along as the session's own.
[[nodiscard]] absl::StatusOr<std::vector<ConnectParameters>> ParseDsn(
    const PostgresOptions& options,
    const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace holdfast::batch::postgres
