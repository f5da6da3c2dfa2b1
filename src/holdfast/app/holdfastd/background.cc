#include "holdfast/app/holdfastd/background.h"

#include <malloc.h>

#include <source_location>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfastd/log.h"
#include "holdfast/base/error.h"
#include "holdfast/base/failed_guards.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::app {
namespace {

constexpr char kTokenKey[] = "token_key";
constexpr size_t kKeyWords = 4;  // 32 bytes: as long as the HMAC's hash

// In hexadecimal: cursors are texts.
std::string DrawKey(Random& random) {
  std::string key;
  for (size_t i = 0; i < kKeyWords; ++i) {
    const uint64_t word = random.next();
    absl::StrAppend(&key, absl::Hex(word, absl::kZeroPad16));
  }
  return key;
}

Task<absl::StatusOr<std::optional<std::string>>> ReadKey(storage::Engine& engine) {
  absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot = co_await engine.snapshot();
  if (!snapshot.ok()) co_return snapshot.status();
  co_return co_await (*snapshot)->cursor(kTokenKey);
}

// Forgets all that is old by now.
Task<void> PurgeOnce(Env& env, storage::Engine& engine, Duration retention) {
  const Timestamp before(env.clock().now().value() - retention.value());
  for (bool more = true; more;) {
    const absl::StatusOr<storage::PurgeResult> result = co_await engine.purge(before, kPurgePage);
    if (!result.ok()) {
      Log(LogLevel::kWarn, "can't forget old tombstones; trying again later",
          {{"error", std::string(ToStd(result.status().message()))}});
      co_return;
    }
    if (result->tombstones + result->requests > 0) {
      Log(LogLevel::kDebug, "forgot what was old",
          {{"tombstones", absl::StrCat(result->tombstones)},
           {"requests", absl::StrCat(result->requests)}});
    }
    more = result->more;
    // Somebody else has in hand what is left.
    if (more && result->tombstones + result->requests == 0) co_await env.sleep(kPurgePause);
  }
}

}  // namespace

Task<absl::StatusOr<std::string>> LoadTokenKey(Env& env, storage::Engine& engine) {
  constexpr int kAttempts = 3;
  absl::Status last;
  for (int i = 0; i < kAttempts; ++i) {
    absl::StatusOr<std::optional<std::string>> key = co_await ReadKey(engine);
    if (!key.ok()) co_return key.status();
    if (key->has_value() && !(*key)->empty()) co_return **key;
    storage::Batch batch;
    batch.label = "token_key";
    batch.add(storage::PutCursor{kTokenKey, DrawKey(env.random()), std::string()},
              [](const storage::Failure&) {
                NoteFailedGuard(std::source_location::current());
                return MakeError(Reason::kConflict, "another node has made the key");
              });
    // Lost against another node: its key is read in the next round.
    last = (co_await engine.commit(std::move(batch))).status;
  }
  co_return last;
}

Task<void> PurgeForever(Env& env, storage::Engine& engine, Duration retention, OneShot stopping,
                        OneShot stopped) {
  // Short sleeps, so that a stop isn't held up.
  constexpr Duration kTick = Milliseconds(200);
  Duration next = env.clock().monotonic();
  while (!stopping.is_set()) {
    if (env.clock().monotonic() >= next) {
      co_await PurgeOnce(env, engine, retention);
      // What a burst of work has left behind goes back to the system.
      malloc_trim(0);
      next = Duration(env.clock().monotonic().value() + kPurgeInterval.value());
    }
    co_await env.sleep(kTick);
  }
  stopped.set();
}

}  // namespace holdfast::app
