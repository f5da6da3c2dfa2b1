// What the store answers when it can't do what was asked: each message says what is wrong, with
// which resource, and what to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/error.h"
#include "holdfast/base/types.h"
#include "holdfast/storage/row.h"

namespace holdfast::store {

// How many blockers an error names; the count is always exact.
inline constexpr size_t kNamedBlockers = 10;

[[nodiscard]] absl::Status ResourceNotFound(const ResourceKey& key);
[[nodiscard]] absl::Status ResourceExists(const ResourceKey& key);
[[nodiscard]] absl::Status NameBeingDeleted(const ResourceKey& key);
[[nodiscard]] absl::Status ParentNotFound(const ResourceKey& parent);
[[nodiscard]] absl::Status ParentDeleting(const ResourceKey& parent);
// The parent is kept by a deployment of another service.
[[nodiscard]] absl::Status ParentNotServed(const ResourceKey& parent);
[[nodiscard]] absl::Status ReferenceNotFound(std::string_view field, const ResourceKey& target);
[[nodiscard]] absl::Status ReferenceDeleting(std::string_view field, const ResourceKey& target);
// The target is kept by a deployment of another service.
[[nodiscard]] absl::Status ReferenceNotServed(std::string_view field, const ResourceKey& target);
[[nodiscard]] absl::Status FieldValueTaken(const ResourceKey& key,
                                           const storage::UniqueValue& value);
[[nodiscard]] absl::Status LimitExceeded(const storage::LimitRow& limit);
[[nodiscard]] absl::Status EtagMismatch(const ResourceKey& key);
[[nodiscard]] absl::Status DeletionProtected(const ResourceKey& root, const ResourceKey& key);
[[nodiscard]] absl::Status PlanChanged(const ResourceKey& key);
// Lost against other writers too often; may be tried again.
[[nodiscard]] absl::Status Conflict(const ResourceKey& key);
[[nodiscard]] absl::Status DeadlineExceeded(std::string_view label);

// One thing that stands against a deletion: the resource, and its field (empty: it is a child).
struct Blocker {
  ResourceKey key;
  std::string field;
  // What it holds on to.
  ResourceKey target;

  friend auto operator<=>(const Blocker&, const Blocker&) = default;
};
// `first` are the first of `count` blockers.
[[nodiscard]] absl::Status DeleteBlocked(const ResourceKey& root, const std::vector<Blocker>& first,
                                         int64_t count);

}  // namespace holdfast::store
