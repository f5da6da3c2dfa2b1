// Forgets what readers of the feed have had time to see: old tombstones, and answers kept under
// old request_ids.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "holdfast/env/env.h"
#include "holdfast/env/event.h"
#include "holdfast/storage/engine.h"

namespace holdfast::feed {

struct PurgeOptions {
  // What is older goes.
  Duration retention;
  // How often it is looked for, and in what pieces.
  Duration interval = Seconds(60);
  size_t page = 1000;
  // Before the next piece, when there is one and this one was empty: somebody else has it in hand.
  Duration pause = Milliseconds(100);
  // What was forgotten, and why nothing could be; the latter is tried again after `interval`.
  std::function<void(const storage::PurgeResult&)> on_purged;
  std::function<void(const absl::Status&)> on_error;
};

// Goes on until `stopping` is set; then sets `stopped`. `env` and `engine` live until then.
[[nodiscard]] Task<void> PurgeForever(Env& env, storage::Engine& engine, PurgeOptions options,
                                      OneShot stopping, OneShot stopped);

}  // namespace holdfast::feed
