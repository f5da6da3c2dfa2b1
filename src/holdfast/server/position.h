// What page tokens and resume tokens hold. Sealed with the deployment's key: a client can't make
// one, and one for another request or another database isn't accepted. Internal to server/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/storage/engine.h"

namespace holdfast::server {

// Where a page ends: as many strings as its collection needs to go on behind it.
struct PagePosition {
  Revision revision;  // of the page
  std::vector<std::string> parts;
};

// INVALID_ORDER_BY if the position is too long for a token (values sorted by that are kilobytes
// long).
[[nodiscard]] absl::StatusOr<std::string> SealPage(const Deployment& deployment,
                                                   std::string_view request_hash,
                                                   const PagePosition& position);
// `parts` is how many there must be. INVALID_PAGE_TOKEN for everything that SealPage didn't make
// for this request.
[[nodiscard]] absl::StatusOr<PagePosition> OpenPage(const Deployment& deployment,
                                                    std::string_view request_hash, size_t parts,
                                                    const std::string& token);

// Where a watcher is.
struct WatchPosition {
  enum class Phase {
    kStart,     // nothing has been sent
    kSnapshot,  // all keys up to `snapshot_end` have been sent as of `cursor`
    kChanges,   // everything has
  };
  Phase phase = Phase::kStart;
  storage::Cursor cursor;
  ResourceKey snapshot_end;
};

[[nodiscard]] std::string SealWatch(const Deployment& deployment, std::string_view request_hash,
                                    const WatchPosition& position);
// INVALID_RESUME_TOKEN for everything that SealWatch didn't make for this watch.
[[nodiscard]] absl::StatusOr<WatchPosition> OpenWatch(const Deployment& deployment,
                                                      std::string_view request_hash,
                                                      const std::string& token);

}  // namespace holdfast::server
