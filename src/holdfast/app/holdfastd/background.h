// What a node does beside answering: forgetting what is old, and keeping its own secrets.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "holdfast/env/env.h"
#include "holdfast/env/event.h"
#include "holdfast/storage/engine.h"

namespace holdfast::app {

// The key that signs tokens: from the database, made on first use. Nodes that start at the same
// time agree on one.
[[nodiscard]] Task<absl::StatusOr<std::string>> LoadTokenKey(Env& env, storage::Engine& engine);

// How often it is looked for what is older than the retention; and in what pieces.
inline constexpr Duration kPurgeInterval = Seconds(60);
inline constexpr size_t kPurgePage = 1000;
// Before the next piece, when there is one and this one was empty.
inline constexpr Duration kPurgePause = Milliseconds(100);

// Forgets tombstones and request_ids older than `retention` until `stopping` is set; then sets
// `stopped`. `engine` lives until then.
[[nodiscard]] Task<void> PurgeForever(Env& env, storage::Engine& engine, Duration retention,
                                      OneShot stopping, OneShot stopped);

}  // namespace holdfast::app
