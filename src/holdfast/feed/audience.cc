#include "holdfast/feed/audience.h"

#include <algorithm>
#include <string_view>

namespace holdfast::feed {

bool Interest::matches(const ResourceKey& key) const {
  if (!key.name.str().starts_with(name_prefix)) return false;
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), key.kind) != kinds.end();
}

std::vector<KindName> Audience::KindsOf(const Group& group) {
  if (group.interest.kinds.empty()) return {KindName()};
  return group.interest.kinds;
}

Audience::GroupPtr Audience::join(Interest interest, Revision appended) {
  std::sort(interest.kinds.begin(), interest.kinds.end());
  interest.kinds.erase(std::unique(interest.kinds.begin(), interest.kinds.end()),
                       interest.kinds.end());
  GroupPtr& group = groups_[GroupKey(interest.kinds, interest.name_prefix)];
  if (group == nullptr) {
    group = std::make_shared<Group>();
    group->interest = std::move(interest);
    group->known_since = appended;
    const std::string& prefix = group->interest.name_prefix;
    for (const KindName& kind : KindsOf(*group)) {
      by_kind_[kind][prefix.size()].emplace(prefix, group);
    }
  }
  ++group->members;
  ++members_;
  return group;
}

void Audience::leave(const GroupPtr& group) {
  --members_;
  if (--group->members > 0) return;
  const std::string& prefix = group->interest.name_prefix;
  for (const KindName& kind : KindsOf(*group)) {
    Prefixes& prefixes = by_kind_[kind];
    auto& same_length = prefixes[prefix.size()];
    const auto [first, last] = same_length.equal_range(prefix);
    same_length.erase(
        std::find_if(first, last, [&group](const auto& entry) { return entry.second == group; }));
    if (same_length.empty()) prefixes.erase(prefix.size());
    if (prefixes.empty()) by_kind_.erase(kind);
  }
  groups_.erase(GroupKey(group->interest.kinds, prefix));
}

void Audience::wait(const GroupPtr& group, uint64_t subscriber, Signal signal, Duration deadline,
                    Revision revision) {
  stop_waiting(subscriber);
  group->waiting.insert(subscriber);
  deadlines_.emplace(deadline, subscriber);
  waiters_.emplace(
      subscriber,
      Waiter{
          .group = group, .signal = std::move(signal), .deadline = deadline, .revision = revision});
}

void Audience::stop_waiting(uint64_t subscriber) {
  const auto waiter = waiters_.find(subscriber);
  if (waiter != waiters_.end()) static_cast<void>(take(waiter));
}

Signal Audience::take(std::map<uint64_t, Waiter>::iterator waiter) {
  Signal signal = std::move(waiter->second.signal);
  waiter->second.group->waiting.erase(waiter->first);
  deadlines_.erase(std::pair(waiter->second.deadline, waiter->first));
  noted_.erase(waiter->first);
  waiters_.erase(waiter);
  return signal;
}

void Audience::note(const storage::Row& row) {
  note(row.key.kind, row);
  note(KindName(), row);
}

void Audience::note(const KindName& kind, const storage::Row& row) {
  const auto prefixes = by_kind_.find(kind);
  if (prefixes == by_kind_.end()) return;
  const std::string_view name = row.key.name.str();
  for (auto& [length, groups] : prefixes->second) {
    if (length > name.size()) break;
    const auto [first, last] = groups.equal_range(name.substr(0, length));
    for (auto entry = first; entry != last; ++entry) {
      Group& group = *entry->second;
      if (group.last_change != row.revision) group.change_before = group.last_change;
      group.last_change = row.revision;
      noted_.insert(group.waiting.begin(), group.waiting.end());
    }
  }
}

void Audience::forget_all(Revision complete) {
  for (const auto& [key, group] : groups_) group->known_since = complete;
}

std::vector<Signal> Audience::take_noted() {
  std::vector<Signal> signals;
  signals.reserve(noted_.size());
  while (!noted_.empty()) signals.push_back(take(waiters_.find(*noted_.begin())));
  return signals;
}

std::vector<Signal> Audience::take_due(Duration now, Duration interval, Revision complete) {
  std::vector<Signal> signals;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto waiter = waiters_.find(deadlines_.begin()->second);
    if (waiter->second.revision < complete) {
      signals.push_back(take(waiter));
      continue;
    }
    // Nothing to tell: a bookmark would only repeat the last one.
    deadlines_.erase(deadlines_.begin());
    waiter->second.deadline = Duration(now.value() + std::max<int64_t>(interval.value(), 1));
    deadlines_.emplace(waiter->second.deadline, waiter->first);
  }
  return signals;
}

std::vector<Signal> Audience::take_all() {
  std::vector<Signal> signals;
  signals.reserve(waiters_.size());
  while (!waiters_.empty()) signals.push_back(take(waiters_.begin()));
  return signals;
}

}  // namespace holdfast::feed
