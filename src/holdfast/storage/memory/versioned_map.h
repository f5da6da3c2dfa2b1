// An ordered map that keeps the earlier values of its keys for snapshots that still read them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/base/types.h"

namespace holdfast::storage::memory {

// Written at one revision at a time: put() any number of times with the same `now`, then keep() or
// undo() them. Not thread-safe.
template <class K, class V>
class VersionedMap {
 public:
  // The value that a reader at revision `at` sees; null: none. Valid until the next write.
  [[nodiscard]] const V* find(const K& key, Revision at) const {
    const auto chain = chains_.find(key);
    return chain == chains_.end() ? nullptr : Visible(chain->second, at);
  }

  // nullopt removes the key.
  void put(const K& key, std::optional<V> value, Revision now) {
    Chain& chain = chains_[key];
    if (chain.empty() || chain.back().since != now) chain.push_back({.since = now});
    chain.back().value = std::move(value);
    touched_.insert(key);
  }

  // The keys written since the last keep() or undo().
  [[nodiscard]] const std::set<K>& touched() const { return touched_; }

  void keep() {
    stale_.merge(touched_);
    touched_.clear();
  }

  void undo() {
    for (const K& key : touched_) {
      const auto chain = chains_.find(key);
      chain->second.pop_back();
      if (chain->second.empty()) chains_.erase(chain);
    }
    touched_.clear();
  }

  // Forgets what no reader at `oldest` or later can see, telling `forgotten` of each version.
  template <class Forgotten>
  void prune(Revision oldest, const Forgotten& forgotten) {
    for (auto key = stale_.begin(); key != stale_.end();) {
      const auto chain = chains_.find(*key);
      const bool settled = chain == chains_.end() || Prune(*key, chain->second, oldest, forgotten);
      if (settled && chain != chains_.end() && !chain->second.back().value) chains_.erase(chain);
      key = settled ? stale_.erase(key) : std::next(key);
    }
  }

  // Calls visit(key, value) for the keys from `from` on, in order, while it returns true.
  template <class Visit>
  void visit(const K& from, Revision at, const Visit& visit) const {
    for (auto chain = chains_.lower_bound(from); chain != chains_.end(); ++chain) {
      const V* value = Visible(chain->second, at);
      if (value != nullptr && !visit(chain->first, *value)) return;
    }
  }

 private:
  struct Version {
    Revision since;
    std::optional<V> value;
  };
  using Chain = std::vector<Version>;  // in order of `since`; never empty

  [[nodiscard]] static const V* Visible(const Chain& chain, Revision at) {
    for (auto version = chain.rbegin(); version != chain.rend(); ++version) {
      if (version->since <= at) return version->value ? &*version->value : nullptr;
    }
    return nullptr;
  }

  // Returns true if only one version is left, and every reader sees it.
  template <class Forgotten>
  static bool Prune(const K& key, Chain& chain, Revision oldest, const Forgotten& forgotten) {
    size_t first_needed = 0;
    while (first_needed + 1 < chain.size() && chain[first_needed + 1].since <= oldest) {
      forgotten(key, chain[first_needed].since);
      ++first_needed;
    }
    chain.erase(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(first_needed));
    return chain.size() == 1 && chain[0].since <= oldest;
  }

  std::map<K, Chain> chains_;
  std::set<K> touched_;
  std::set<K> stale_;  // may have more than one version
};

}  // namespace holdfast::storage::memory
