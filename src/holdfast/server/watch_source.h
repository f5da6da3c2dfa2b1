// What a watch looks at: one resource, or a collection through a filter. Internal to server/.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "holdfast/feed/feed.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/filter/filter.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/request.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

struct WatchSource {
  const schema::Kind* kind = nullptr;
  std::string parent;  // of the collection; perhaps with wildcards
  // Set: only this resource of the collection.
  std::optional<ResourceName> one;
  filter::Filter filter;
  filter::FieldMask mask;  // what of a resource is sent
  size_t page_size = 0;    // of the snapshot

  [[nodiscard]] feed::Interest interest() const;
  // Is it one of those that are watched, whatever the filter says?
  [[nodiscard]] bool covers(const ResourceKey& key) const;
  // The snapshot's next page, behind this name (empty: the first).
  [[nodiscard]] store::ListQuery page_behind(const ResourceName& name) const;
};

// How many resources a page of a snapshot has if the watcher doesn't say.
inline constexpr size_t kDefaultSnapshotPage = 500;

[[nodiscard]] absl::StatusOr<WatchSource> ReadWatchSource(const schema::Kind& kind,
                                                          const RequestFields& fields,
                                                          const google::protobuf::Message& request);

}  // namespace holdfast::server
