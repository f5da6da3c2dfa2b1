// Rows to resources and back.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/storage/row.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

// Does a reader see a resource in this row? Not in tombstones and shadows; while it is being
// deleted only if its kind says so.
[[nodiscard]] bool IsReadable(const KindPlan& plan, const storage::Row& row);

// Do readers see the resource just as it was stored? While it is being deleted, or waits for
// something, they see that too.
[[nodiscard]] bool IsShownAsStored(const storage::Row& row);

// The resource as it was stored. INTERNAL if the body is missing or damaged.
[[nodiscard]] absl::StatusOr<MessagePtr> ParseBody(const Plans& plans, const KindPlan& plan,
                                                   const storage::Row& row);
// The resource as readers see it: with the state of its shadow.
[[nodiscard]] absl::StatusOr<MessagePtr> Decode(const Plans& plans, const KindPlan& plan,
                                                const storage::Row& row);

// The same bytes for the same resource, on every machine. Maps must be sorted (FieldRules).
[[nodiscard]] std::string Serialize(const google::protobuf::Message& resource);

// PendingBit as Meta.Lifecycle.pending shows it.
[[nodiscard]] std::vector<std::string> PendingNames(uint32_t pending);

}  // namespace holdfast::store
