// The only place that constructs the layers of a store and puts them in order.
#pragma once

#include <memory>

#include "holdfast/store/hooks.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

struct StoreOptions {
  Region region;
  // More changed rows than this aren't put into one batch.
  size_t max_batch_ops = 500;
  // A deletion with at most so many dependants, all local, is one batch.
  size_t max_inline_dependants = 100;
  // A deletion with more dependants than this isn't looked through for what stands against it
  // before it is begun: looking would take as long as closing, and closing tells too.
  size_t max_probed = 20'000;
  // More matches than this aren't sorted for a list.
  size_t max_sorted = kDefaultMaxSorted;
  // How often a write that lost against others is tried again.
  int max_attempts = 8;
  // How long a node that is closing what a deletion takes along may be silent before another one's
  // run_duties() gives the deletion up in its place, by wall clocks: too early costs it a CONFLICT,
  // nothing else. It says three times in this time that it is at it. Where no other process writes
  // (Engine::writers()), what this one isn't at was left by a crash, and nobody waits.
  Duration closing_patience = Seconds(30);
  // Cached resources, by bytes of their bodies; 0: no cache.
  size_t cache_bytes = 16 << 20;
};

// `schema`, `engine` and `hooks` outlive the store.
[[nodiscard]] std::unique_ptr<Store> BuildStore(Env& env, const schema::Schema& schema,
                                                const schema::Service& service,
                                                storage::Engine& engine, const HookRegistry& hooks,
                                                StoreOptions options);

}  // namespace holdfast::store
