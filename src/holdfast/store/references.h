// The references in a resource message: found, checked and cleared, wherever in it they stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/storage/row.h"
#include "holdfast/store/kind_plan.h"

namespace holdfast::store {

// One value of a reference field; `name` looks into the message.
struct ReferenceValue {
  size_t field = 0;  // index into the kind's references
  const std::string* name = nullptr;
};

// All values, in order of (field, name), each once. Empty strings are no references.
void CollectReferences(const KindPlan& plan, const google::protobuf::Message& resource,
                       std::vector<ReferenceValue>& out);

// Removes a name from a reference field: clears a singular field, takes the element out of a
// repeated one, the entry out of a map.
void ClearReference(const KindPlan& plan, std::string_view field_path, const ResourceName& target,
                    google::protobuf::Message& resource);

// What a value means. `kind` is nullptr for a kind that this deployment doesn't keep.
struct ReferenceTarget {
  const KindPlan* plan = nullptr;
  ResourceKey key;
};

// INVALID_ARGUMENT naming the field if the value isn't a name of the kind that it must be of.
// Values of "*" fields are names of any kind of the service or of those that it imports.
[[nodiscard]] absl::StatusOr<ReferenceTarget> ResolveReference(const Plans& plans,
                                                               const KindPlan& plan,
                                                               const schema::ReferenceField& field,
                                                               const std::string& value);

// The edges that these values are. Values that can't be resolved (kept from an older schema) have
// none.
[[nodiscard]] std::vector<storage::Edge> EdgesOf(const Plans& plans, const KindPlan& plan,
                                                 const ResourceKey& source,
                                                 const std::vector<ReferenceValue>& values);
// The edges of a whole resource.
[[nodiscard]] std::vector<storage::Edge> EdgesOf(const Plans& plans, const KindPlan& plan,
                                                 const ResourceKey& source,
                                                 const google::protobuf::Message& resource);

}  // namespace holdfast::store
