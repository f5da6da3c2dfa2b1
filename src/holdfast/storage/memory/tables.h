// The tables of a MemoryEngine, and which states of them are still being read.
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "holdfast/base/mutex.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/memory/versioned_map.h"
#include "holdfast/storage/row.h"

namespace holdfast::storage::memory {

// By when, which.
using DueKey = std::tuple<ClaimType, Timestamp, ClaimKey>;

// Target, source, field.
using EdgeKey = std::tuple<ResourceKey, ResourceKey, std::string>;

struct KeptRequest {
  PutRequest request;
  Timestamp made;
};

struct Tables {
  // The last committed revision. Purges take one too, so that snapshots don't see them.
  Revision revision;
  // The highest revision of a forgotten tombstone.
  Revision floor;
  // Of the snapshots that are out.
  std::multiset<Revision> snapshots;

  VersionedMap<ResourceKey, Row> rows;
  VersionedMap<EdgeKey, OnDelete> edges;
  VersionedMap<UniqueValue, bool> unique;
  VersionedMap<LimitKey, LimitRow> limits;
  VersionedMap<ClaimKey, Claim> claims;
  VersionedMap<DueKey, bool> due_claims;
  VersionedMap<std::string, std::string> cursors;
  VersionedMap<std::string, KeptRequest> requests;
  // The keys of rows with duties; as many as there are deletions under way.
  VersionedMap<ResourceKey, bool> duties;
  // Every version of a row that is still kept: the feed's index.
  std::set<std::pair<Revision, ResourceKey>> changes;

  // Makes everything that was written at `now` the new state.
  void keep(Revision now);
  void undo();
  void release_snapshot(Revision at);

 private:
  void prune();
};

struct SharedTables {
  Mutex mutex;
  Tables tables ABSL_GUARDED_BY(mutex);
};

[[nodiscard]] bool HasDuties(const Row& row);

// The row without body, fields and outgoing.
[[nodiscard]] Row ShadowOf(const Row& row);

}  // namespace holdfast::storage::memory
