#include "holdfast/app/holdfastd/open_database.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfastd/log.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::app {
namespace {

using Opened = absl::StatusOr<std::unique_ptr<storage::Engine>>;

// What libpq says names host and port, and never a password.
absl::Status Unreachable(const DeploymentConfig& deployment, const absl::Status& last) {
  return absl::UnavailableError(absl::StrCat(
      "can't reach the PostgreSQL server of ", deployment.service.str(), ": ", last.message(),
      "; see that it runs, takes connections from here, and that database.postgres.dsn is right "
      "(psql takes the same), then start again; start_timeout says how long a start waits"));
}

// Short sleeps, so that a stop isn't held up.
Task<void> Pause(Env& env, Duration length, OneShot stopping) {
  constexpr Duration kTick = Milliseconds(100);
  const int64_t until = env.clock().monotonic().value() + length.value();
  while (!stopping.is_set() && env.clock().monotonic().value() < until) co_await env.sleep(kTick);
}

// A server that is there and refuses us (SCHEMA_NEWER, no permission) isn't asked again.
Task<Opened> OpenPostgres(Env& env, const Config& config, const DeploymentConfig& deployment,
                          storage::PostgresEngineOptions options, OneShot stopping) {
  const int64_t until = env.clock().monotonic().value() + config.start_timeout.value();
  while (true) {
    Opened engine = co_await storage::OpenPostgresEngine(env, options);
    if (engine.ok() || !absl::IsUnavailable(engine.status())) co_return engine;
    const int64_t left = until - env.clock().monotonic().value();
    if (left <= 0) co_return Unreachable(deployment, engine.status());
    Log(LogLevel::kWarn, "can't reach PostgreSQL; trying again",
        {{"service", deployment.service.str()},
         {"seconds_left", absl::StrCat(left / 1'000'000)},
         {"error", std::string(ToStd(engine.status().message()))}});
    co_await Pause(env, Duration(std::min(left, kDatabaseRetryInterval.value())), stopping);
    if (stopping.is_set()) co_return absl::CancelledError("stopped while waiting for PostgreSQL");
  }
}

}  // namespace

Task<Opened> OpenDatabase(Env& env, const Config& config, const DeploymentConfig& deployment,
                          std::vector<storage::IndexDefinition> indexes, OneShot stopping) {
  const auto origin =
      config.restored ? storage::sql::Origin::kRestored : storage::sql::Origin::kSame;
  if (deployment.postgres.has_value()) {
    storage::PostgresEngineOptions options;
    options.postgres = *deployment.postgres;
    options.indexes = std::move(indexes);
    options.origin = origin;
    co_return co_await OpenPostgres(env, config, deployment, std::move(options), stopping);
  }
  storage::SqliteEngineOptions options;
  options.path = deployment.sqlite;
  options.indexes = std::move(indexes);
  options.origin = origin;
  co_return storage::OpenSqliteEngine(env, std::move(options));
}

}  // namespace holdfast::app
