// The last events of a run, for who has to find out what went wrong.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "holdfast/base/types.h"

namespace holdfast::sim {

struct TraceEvent {
  Duration at;
  std::string who;  // "node 1", "client 3", "database", "network"
  std::string what;
  std::vector<ResourceKey> keys;

  [[nodiscard]] std::string str() const;
};

class Trace {
 public:
  // Older events are forgotten.
  static constexpr size_t kKept = 20'000;

  void add(TraceEvent event);
  // Called with each event from now on.
  void listen(std::function<void(const TraceEvent&)> listener) { listener_ = std::move(listener); }

  // The last events about one of these keys, or about none in particular (crashes, partitions).
  // Parents and children of a key count as it.
  [[nodiscard]] std::vector<std::string> about(const std::vector<ResourceKey>& keys,
                                               size_t at_most) const;
  // Of everything that was ever added.
  [[nodiscard]] uint64_t hash() const { return hash_; }

 private:
  std::deque<TraceEvent> events_;
  std::function<void(const TraceEvent&)> listener_;
  uint64_t hash_ = 0;
};

}  // namespace holdfast::sim
