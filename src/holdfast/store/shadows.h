// Views of rows for the schema mixin and for tools: shadows, and who refers to a resource.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

// References as Row::outgoing keeps them, and back.
[[nodiscard]] std::string PackReferences(const std::vector<storage::Edge>& edges);
[[nodiscard]] absl::StatusOr<std::vector<storage::Edge>> UnpackReferences(const ResourceKey& source,
                                                                          std::string_view packed);

[[nodiscard]] absl::StatusOr<Shadow> ShadowOf(const Plans& plans, storage::Row row);

// NOT_FOUND for what isn't there, and for kinds that have no shadows.
Task<absl::StatusOr<Shadow>> GetShadow(const Plans& plans, storage::Snapshot& snapshot,
                                       ResourceKey key);
Task<absl::StatusOr<ShadowPage>> ListShadows(const Plans& plans, storage::Snapshot& snapshot,
                                             std::optional<KindName> kind,
                                             std::optional<ResourceKey> after, size_t limit,
                                             ShowDeleted show_deleted);
Task<absl::StatusOr<ReferrersPage>> ListReferrers(const Plans& plans, storage::Snapshot& snapshot,
                                                  ResourceKey key,
                                                  std::optional<storage::Edge> after, size_t limit);
Task<absl::StatusOr<DeletionPlan>> ExplainDelete(const Plans& plans, storage::Snapshot& snapshot,
                                                 ResourceKey key, Force force, size_t samples);

// A deletion of more than this isn't explained (TOO_MANY_MATCHES).
inline constexpr size_t kMaxExplained = 1'000'000;

}  // namespace holdfast::store
