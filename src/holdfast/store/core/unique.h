// The values of a resource's `unique_in` fields.
#pragma once

#include <vector>

#include "google/protobuf/message.h"
#include "holdfast/storage/row.h"
#include "holdfast/store/kind_plan.h"

namespace holdfast::store {

// Empty values aren't counted.
[[nodiscard]] std::vector<storage::UniqueValue> UniqueValuesOf(
    const KindPlan& plan, const ResourceName& name, const google::protobuf::Message& resource);

}  // namespace holdfast::store
