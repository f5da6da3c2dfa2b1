#include "holdfast/feed/purge.h"

namespace holdfast::feed {
namespace {

// Forgets all that is old by now, or as much until it is to stop.
Task<void> PurgeOnce(Env& env, storage::Engine& engine, const PurgeOptions& options,
                     const OneShot& stopping) {
  const Timestamp before(env.clock().now().value() - options.retention.value());
  for (bool more = true; more && !stopping.is_set();) {
    const absl::StatusOr<storage::PurgeResult> result = co_await engine.purge(before, options.page);
    if (!result.ok()) {
      if (options.on_error) options.on_error(result.status());
      co_return;
    }
    const bool forgot = result->tombstones + result->requests > 0;
    if (forgot && options.on_purged) options.on_purged(*result);
    more = result->more;
    if (more && !forgot) co_await env.sleep(options.pause);
  }
}

}  // namespace

Task<void> PurgeForever(Env& env, storage::Engine& engine, PurgeOptions options, OneShot stopping,
                        OneShot stopped) {
  // Short sleeps, so that a stop isn't held up.
  constexpr Duration kTick = Milliseconds(200);
  Duration next = env.clock().monotonic();
  while (!stopping.is_set()) {
    if (env.clock().monotonic() >= next) {
      co_await PurgeOnce(env, engine, options, stopping);
      next = Duration(env.clock().monotonic().value() + options.interval.value());
    }
    co_await env.sleep(kTick);
  }
  stopped.set();
}

}  // namespace holdfast::feed
