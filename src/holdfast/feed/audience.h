// Who wants what, and who waits: so that a commit wakes only those who want its rows, however many
// thousand others wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/env/event.h"
#include "holdfast/feed/feed.h"
#include "holdfast/storage/row.h"

namespace holdfast::feed {

// All subscribers with the same interest.
struct Group {
  Interest interest;  // kinds sorted
  // What was appended after this revision has been looked at for this group ...
  Revision known_since;
  // ... and the last that were interesting had these ones.
  Revision last_change;
  Revision change_before;
  size_t members = 0;
  std::set<uint64_t> waiting;  // subscribers
};

// Not thread-safe.
class Audience {
 public:
  // shared_ptr: groups are found from several kinds, and outlive nobody who holds them.
  using GroupPtr = std::shared_ptr<Group>;

  // `appended`: the last revision of which the tailer has appended rows.
  [[nodiscard]] GroupPtr join(Interest interest, Revision appended);
  void leave(const GroupPtr& group);
  [[nodiscard]] size_t members() const { return members_; }

  // Wakes the subscriber when something interesting is appended; or at `deadline`, if the complete
  // revision has moved beyond `revision` by then.
  void wait(const GroupPtr& group, uint64_t subscriber, Signal signal, Duration deadline,
            Revision revision);
  void stop_waiting(uint64_t subscriber);

  // Tells the groups of a row that was appended. Returns nothing: wake() does.
  void note(const storage::Row& row);
  // After a gap in what was appended: nobody knows what has been missed up to `complete`.
  void forget_all(Revision complete);

  // Those whose group has been noted since, those whose deadline has come, or everyone. To be
  // notified outside of the lock.
  [[nodiscard]] std::vector<Signal> take_noted();
  [[nodiscard]] std::vector<Signal> take_due(Duration now, Duration interval, Revision complete);
  [[nodiscard]] std::vector<Signal> take_all();

 private:
  struct Waiter {
    GroupPtr group;
    Signal signal;
    Duration deadline;
    Revision revision;
  };
  // The groups of one kind by name prefix, prefixes by length: a name has few lengths to try.
  using Prefixes = std::map<size_t, std::multimap<std::string, GroupPtr, std::less<>>>;
  using GroupKey = std::pair<std::vector<KindName>, std::string>;

  // The kinds under which a group is found; one without a name: every kind.
  [[nodiscard]] static std::vector<KindName> KindsOf(const Group& group);
  void note(const KindName& kind, const storage::Row& row);
  [[nodiscard]] Signal take(std::map<uint64_t, Waiter>::iterator waiter);

  std::map<GroupKey, GroupPtr> groups_;
  std::map<KindName, Prefixes> by_kind_;
  size_t members_ = 0;
  std::map<uint64_t, Waiter> waiters_;
  std::set<std::pair<Duration, uint64_t>> deadlines_;
  std::set<uint64_t> noted_;  // subscribers
};

}  // namespace holdfast::feed
