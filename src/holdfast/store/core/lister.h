// Pages of a collection: filtered, in the wanted order.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

// Sorting looks at every match: more than `max_sorted` is refused (TOO_MANY_MATCHES).
Task<absl::StatusOr<ListPage>> List(const Plans& plans, storage::Snapshot& snapshot,
                                    ListQuery query, size_t max_sorted = kDefaultMaxSorted);

// Is a resource of this name in the query's collection (whatever the filter says)?
[[nodiscard]] bool IsInCollection(const KindPlan& plan, const ResourceName& name,
                                  const ListQuery& query);

// Where a resource stands in the query's order.
[[nodiscard]] std::pair<std::string, std::string> SortPlace(
    const KindPlan& plan, const ListQuery& query, const google::protobuf::Message& resource);

}  // namespace holdfast::store
