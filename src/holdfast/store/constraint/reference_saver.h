// References on save: what is new must point at something that is there and stays there.
#pragma once

#include <map>
#include <vector>

#include "holdfast/store/references.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

// Works out edges and adds the checks that hold at the end of the batch: local targets and
// parents, so that resources created together may refer to each other in any direction.
class ReferenceSaver {
 public:
  explicit ReferenceSaver(WriteSet& set) : set_(set) {}

  // For creations and updates.
  [[nodiscard]] absl::Status save(Change& change);
  // After all changes.
  void add_checks();

 private:
  // Who needs a target: for errors. `field` is past the references' end for a parent.
  struct Need {
    const Change* change = nullptr;
    size_t field = 0;
  };

  [[nodiscard]] absl::Status check_new(const Change& change, const ReferenceValue& value,
                                       std::vector<storage::Edge>& added);
  [[nodiscard]] absl::Status need_parent(const Change& change);
  void need(const ResourceKey& target, Need need);
  [[nodiscard]] static Verdict ExplainTarget(const WriteSet& set, const Note& note,
                                             const storage::Failure& failure);

  WriteSet& set_;
  std::vector<ReferenceValue> old_values_;
  std::vector<ReferenceValue> new_values_;
  // Each target once, in order of key, so that batches lock in one order.
  std::map<ResourceKey, Need> needs_;
};

// The edges that a resource's deletion takes away.
[[nodiscard]] std::vector<storage::Edge> EdgesToRemove(const Plans& plans, const Change& change);

}  // namespace holdfast::store
