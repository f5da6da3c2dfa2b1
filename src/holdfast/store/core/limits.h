// Which limits a resource counts against, and what one write takes of them.
#pragma once

#include <map>
#include <vector>

#include "holdfast/storage/row.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

struct CountedLimit {
  storage::LimitKey key;
  int64_t default_max = 0;
};

// One for each declared limit whose holder is among the resource's ancestors.
[[nodiscard]] std::vector<CountedLimit> LimitsOf(const KindPlan& plan, const ResourceName& name);

// Sums up what a write takes, and adds one op for each limit.
class LimitCount {
 public:
  void add(const Change& change);
  void add_ops(WriteSet& set) const;

 private:
  struct Sum {
    int64_t n = 0;
    int64_t default_max = 0;
  };
  [[nodiscard]] static Verdict Explain(const WriteSet& set, const Note& note,
                                       const storage::Failure& failure);

  std::map<storage::LimitKey, Sum> sums_;
};

}  // namespace holdfast::store
