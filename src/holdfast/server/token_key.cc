#include "holdfast/server/token_key.h"

#include <source_location>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/failed_guards.h"

namespace holdfast::server {
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

}  // namespace holdfast::server
