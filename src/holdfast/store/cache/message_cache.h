// Decoded resources by name, so that what is read again and again isn't read and parsed again.
//
// Never stale: an entry is used only after the database has said, in the reader's own snapshot,
// that the resource is still the one of that uid and version.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/mutex.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

// Least recently used goes first. Thread-safe.
class MessageCache {
 public:
  // At most so many bytes of bodies; 0: keeps nothing.
  explicit MessageCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  [[nodiscard]] bool contains(const ResourceKey& key) const;
  // The resource, if it is there in the row's very uid and version and the row is ACTIVE.
  [[nodiscard]] SharedMessage find(const storage::Row& row);
  // Keeps a resource as decoded from `row`.
  void put(const storage::Row& row, SharedMessage resource);
  void drop(const ResourceKey& key);
  // Changes that others made. Only saves memory: validity is asked of the database anyway.
  void invalidate(const std::vector<std::shared_ptr<const storage::Row>>& rows);

  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] int64_t hits() const;

 private:
  struct Entry {
    ResourceKey key;
    Uid uid;
    Version version;
    SharedMessage resource;
    size_t bytes = 0;
  };
  using Entries = std::list<Entry>;  // most recently used first

  void erase(std::map<ResourceKey, Entries::iterator>::iterator found)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::map<ResourceKey, Entries::iterator> by_key_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t hits_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The outermost layer: what a write changes is dropped.
class CacheLayer final : public Layer {
 public:
  explicit CacheLayer(MessageCache& cache) : cache_(cache) {}
  Task<absl::Status> prepare(WriteSet& set) override;
  void committed(const WriteSet& set) override;

 private:
  MessageCache& cache_;
};

// Resources by key, in order. NOT_FOUND names the first that a reader doesn't see.
Task<absl::StatusOr<std::vector<SharedMessage>>> ReadResources(const Plans& plans,
                                                               storage::Snapshot& snapshot,
                                                               MessageCache& cache,
                                                               const KindPlan& plan,
                                                               std::vector<ResourceKey> keys);

}  // namespace holdfast::store
