// What a deployment's database keeps of each resource: the resource and its shadow are one row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/types.h"

namespace holdfast::storage {

// Values are stored: never renumbered.
enum class RowState : uint8_t {
  kActive = 0,
  kClosing = 1,   // a deletion is being decided: readable, takes no new reference and no new child
  kDeleting = 2,  // decided: gone for readers (unless async_deletion), the shadow stays
  kGone = 3,      // a tombstone: kept for the feed's retention
};

// Work that a row still waits for; bits of Row::pending. Stored: never renumbered.
enum PendingBit : uint32_t {
  kPendingExpand = 1u << 0,   // CLOSING: what depends on it hasn't been looked at yet
  kPendingUnset = 1u << 1,    // has references to clear whose targets are being deleted
  kPendingRemove = 1u << 2,   // DELETING: what depends on it is being removed
  kPendingConfirm = 1u << 3,  // room: blockades to confirm (references between deployments)
  kPendingOwners = 1u << 4,   // room: owner references to check
};

struct Row {
  ResourceKey key;
  Uid uid;
  // One more than the stamp of the name's last tombstone (1 without one); the engine sets it at
  // creation.
  int64_t stamp = 0;
  Version version;
  // Set by the engine at commit, and higher after each. Of a row that feed() gave: its place there.
  // Otherwise, with several writers, it can't be compared with revisions of snapshots.
  Revision revision;
  RowState state = RowState::kActive;
  uint32_t pending = 0;
  // CLOSING and DELETING: which deletion it belongs to (uid of that deletion).
  std::string round;
  Timestamp delete_time;
  // The resource's bytes; nullopt once it is gone and only its shadow is left.
  std::optional<std::string> body;
  // The declared indexed fields, as filter::IndexedFieldsJson makes them.
  std::string fields;
  // From deletion until GONE: what the resource referred to.
  std::string outgoing;
};

// One reference, found by its target.
struct Edge {
  ResourceKey target;
  ResourceKey source;
  std::string field;  // path, as schema::ReferenceField::path
  OnDelete behavior = OnDelete::kBlock;

  friend auto operator<=>(const Edge&, const Edge&) = default;
};

// One value that must be unique: `scope` is the parent's name, or empty for the whole kind.
struct UniqueValue {
  KindName kind;
  std::string field;
  std::string scope;
  std::string value;

  friend auto operator<=>(const UniqueValue&, const UniqueValue&) = default;
};

struct LimitKey {
  ResourceKey holder;
  KindName counted;

  friend auto operator<=>(const LimitKey&, const LimitKey&) = default;
};

struct LimitRow {
  LimitKey key;
  int64_t used = 0;
  int64_t max = 0;
};

}  // namespace holdfast::storage
