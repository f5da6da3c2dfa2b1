#include "holdfast/store/cache/message_cache.h"

#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using storage::Row;
using storage::RowState;

bool IsCacheable(const Row& row) { return row.state == RowState::kActive && row.pending == 0; }

}  // namespace

bool MessageCache::contains(const ResourceKey& key) const {
  const MutexLock lock(mutex_);
  return by_key_.contains(key);
}

SharedMessage MessageCache::find(const Row& row) {
  const MutexLock lock(mutex_);
  const auto found = by_key_.find(row.key);
  if (found == by_key_.end()) return nullptr;
  const Entry& entry = *found->second;
  if (!IsCacheable(row) || entry.uid != row.uid || entry.version != row.version) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  ++hits_;
  return entry.resource;
}

void MessageCache::put(const Row& row, SharedMessage resource) {
  const size_t bytes = row.body.has_value() ? row.body->size() : 0;
  if (!IsCacheable(row) || bytes > max_bytes_) return;
  const MutexLock lock(mutex_);
  if (const auto found = by_key_.find(row.key); found != by_key_.end()) erase(found);
  entries_.push_front({row.key, row.uid, row.version, std::move(resource), bytes});
  by_key_[row.key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_) erase(by_key_.find(entries_.back().key));
}

void MessageCache::drop(const ResourceKey& key) {
  const MutexLock lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found);
}

void MessageCache::invalidate(const std::vector<std::shared_ptr<const Row>>& rows) {
  const MutexLock lock(mutex_);
  for (const std::shared_ptr<const Row>& row : rows) {
    const auto found = by_key_.find(row->key);
    if (found == by_key_.end()) continue;
    const Entry& entry = *found->second;
    const bool same = IsCacheable(*row) && entry.uid == row->uid && entry.version == row->version;
    if (!same) erase(found);
  }
}

size_t MessageCache::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

int64_t MessageCache::hits() const {
  const MutexLock lock(mutex_);
  return hits_;
}

void MessageCache::erase(std::map<ResourceKey, Entries::iterator>::iterator found) {
  bytes_ -= found->second->bytes;
  entries_.erase(found->second);
  by_key_.erase(found);
}

Task<absl::Status> CacheLayer::prepare(WriteSet& /*set*/) { co_return absl::OkStatus(); }

void CacheLayer::committed(const WriteSet& set) {
  for (const auto& change : set.changes()) {
    if (!change->unchanged) cache_.drop(change->key);
  }
}

Task<absl::StatusOr<std::vector<SharedMessage>>> ReadResources(const Plans& plans,
                                                               storage::Snapshot& snapshot,
                                                               MessageCache& cache,
                                                               const KindPlan& plan,
                                                               std::vector<ResourceKey> keys) {
  std::vector<SharedMessage> resources(keys.size());
  // Of what is cached the shadows are enough, if they say that it is still the same.
  std::vector<size_t> cached;
  std::vector<ResourceKey> cached_keys;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!cache.contains(keys[i])) continue;
    cached.push_back(i);
    cached_keys.push_back(keys[i]);
  }
  if (!cached.empty()) {
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot.get(std::move(cached_keys), storage::Fields::kShadow));
    for (size_t i = 0; i < cached.size(); ++i) {
      if (rows[i].has_value()) resources[cached[i]] = cache.find(*rows[i]);
    }
  }
  std::vector<size_t> missing;
  std::vector<ResourceKey> missing_keys;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (resources[i] != nullptr) continue;
    missing.push_back(i);
    missing_keys.push_back(keys[i]);
  }
  if (missing.empty()) co_return resources;
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot.get(std::move(missing_keys), storage::Fields::kAll));
  for (size_t i = 0; i < missing.size(); ++i) {
    const std::optional<Row>& row = rows[i];
    if (!row.has_value() || !IsReadable(plan, *row)) co_return ResourceNotFound(keys[missing[i]]);
    HF_CO_ASSIGN_OR_RETURN(MessagePtr resource, Decode(plans, plan, *row));
    resources[missing[i]] = std::move(resource);
    cache.put(*row, resources[missing[i]]);
  }
  co_return resources;
}

}  // namespace holdfast::store
