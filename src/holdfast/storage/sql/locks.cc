#include "holdfast/storage/sql/locks.h"

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::storage::sql {
namespace {

struct ByKey {
  bool operator()(const ResourceKey* a, const ResourceKey* b) const { return *a < *b; }
};

// Rows that the batch changes. A row that it makes needn't be there: no lock.
struct Changed {
  std::map<const ResourceKey*, Lock, ByKey> rows;
  std::set<const ResourceKey*, ByKey> made;
  std::set<const ResourceKey*, ByKey> made_active;

  void add(const ResourceKey& key, Lock lock) {
    Lock& strongest = rows.try_emplace(&key, lock).first->second;
    strongest = std::max(strongest, lock);
  }
  [[nodiscard]] bool contains(const ResourceKey& key) const {
    return rows.contains(&key) || made.contains(&key);
  }
  // There and open in the end, if the batch can be done at all.
  [[nodiscard]] bool leaves_open(const ResourceKey& key) const {
    return made_active.contains(&key) && !rows.contains(&key);
  }
};

Changed ChangedBy(const Batch& batch) {
  Changed changed;
  for (const Op& op : batch.ops) {
    if (const auto* erase = std::get_if<EraseRow>(&op)) changed.add(erase->key, Lock::kUpdate);
    if (const auto* update = std::get_if<UpdateRow>(&op)) {
      changed.add(update->row.key, Lock::kNoKeyUpdate);
    }
    // Behind all who hold a row to be closed it would have to wait for ever: the mark doesn't wait.
    if (const auto* state = std::get_if<SetState>(&op)) {
      changed.add(state->key, IsClosing(*state) ? Lock::kNoKeyUpdate : Lock::kUpdate);
    }
    if (const auto* create = std::get_if<CreateRow>(&op)) {
      changed.made.insert(&create->row.key);
      if (create->row.state == RowState::kActive) changed.made_active.insert(&create->row.key);
    }
  }
  return changed;
}

Lock LockFor(const RequireRow& guard, const Changed& changed) {
  const auto found = changed.rows.find(&guard.key);
  if (found != changed.rows.end()) return found->second;
  return changed.made.contains(&guard.key) ? Lock::kNoKeyUpdate : Lock::kShare;
}

}  // namespace

bool IsClosing(const SetState& op) {
  constexpr uint32_t kActive = 1u << static_cast<int>(RowState::kActive);
  return (op.from_states & kActive) != 0 && op.to != RowState::kActive;
}

bool IsSuspending(const PutClaim& op) {
  return op.claim.key.type == ClaimType::kRight && op.claim.terms.state != kRightHeld;
}

Locks LocksOf(const Batch& batch) {
  Changed changed = ChangedBy(batch);
  Locks locks;
  std::set<const ResourceKey*, ByKey> targets;
  std::set<const ResourceKey*, ByKey> guarded;
  for (const Op& op : batch.ops) {
    if (const auto* guard = std::get_if<RequireRow>(&op)) {
      locks.rows.push_back({&guard->key, LockFor(*guard, changed), guard});
      guarded.insert(&guard->key);
    } else if (const auto* target = std::get_if<RequireTarget>(&op)) {
      if (!targets.insert(&target->key).second || changed.leaves_open(target->key)) continue;
      if (changed.contains(target->key)) {
        locks.own_targets.push_back(&target->key);
      } else {
        locks.rows.push_back({&target->key, Lock::kKeyShare, nullptr});
      }
    }
  }
  for (const auto& [key, lock] : changed.rows) {
    if (!guarded.contains(key)) locks.rows.push_back({key, lock, nullptr});
  }
  // The strongest first: a row isn't locked twice in a way that waits twice.
  std::stable_sort(locks.rows.begin(), locks.rows.end(), [](const RowLock& a, const RowLock& b) {
    if (*a.key != *b.key) return *a.key < *b.key;
    return a.lock > b.lock;
  });
  return locks;
}

}  // namespace holdfast::storage::sql
