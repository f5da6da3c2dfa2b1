// What a deletion takes with it, found by reading: the resources that go, the references that are
// cleared, and what stands against it. Changes nothing.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/errors.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

struct ClosureRoot {
  ResourceKey key;
  Force force = Force::kNo;
  size_t op = 0;
};

struct ClosureOptions {
  // More doomed or unset resources than this, and the walk stops: `truncated()`.
  size_t max_resources = 100;
  // Whether take_doomed() has something.
  enum class Keep { kNothing, kRows } keep = Keep::kNothing;
  // Resources named under each node of the tree; 0: no tree.
  size_t samples = 0;
  // Rows that are CLOSING under this round are the walk's own.
  std::string round;
};

// Deeper levels of the tree are only counted.
inline constexpr int kMaxTreeDepth = 64;

// Does a child of this kind go when its parent does? Otherwise it blocks.
[[nodiscard]] bool GoesWithParent(const KindPlan& child, Force force);

class Closure {
 public:
  struct Doomed {
    const KindPlan* plan = nullptr;
    storage::Row row;
    MessagePtr message;
    size_t op = 0;
  };

  // `set`: the write that the deletion is part of; its other changes count as done. May be null.
  Closure(const Plans& plans, storage::Snapshot& snapshot, ClosureOptions options, WriteSet* set);

  // INVALID_ARGUMENT if the write changes what goes with what it deletes.
  Task<absl::Status> run(std::vector<ClosureRoot> roots);

  [[nodiscard]] bool truncated() const { return truncated_; }
  // Something is left for the background: references that are cleared or followed there, or rows
  // that other deletions haven't finished with.
  [[nodiscard]] bool waits() const { return waits_; }
  // A row belongs to another deletion that isn't decided.
  [[nodiscard]] const std::optional<std::string>& contested() const { return contested_; }
  // What stands against it, by the op of the root that it concerns.
  struct Obstruction {
    std::optional<ResourceKey> protected_by;
    std::vector<Blocker> first_blockers;
    int64_t blockers = 0;
  };
  [[nodiscard]] const std::map<size_t, Obstruction>& obstructions() const { return obstructions_; }
  [[nodiscard]] int64_t deleted() const { return deleted_; }
  [[nodiscard]] int64_t unset() const { return unset_count_; }
  [[nodiscard]] int64_t blockers() const { return blocker_count_; }
  // By source.
  [[nodiscard]] const std::map<ResourceKey, std::vector<storage::Edge>>& unsets() const {
    return unsets_;
  }
  // Names exactly this plan: what goes and what is cleared, each with uid and version.
  [[nodiscard]] std::string digest() const;
  [[nodiscard]] std::vector<Doomed> take_doomed() { return std::move(doomed_); }
  // Of the first root.
  [[nodiscard]] DeletionNode tree() const;

 private:
  using Fingerprint = std::array<uint64_t, 2>;
  static constexpr int kNoNode = -1;

  struct Item {
    ResourceKey key;
    std::optional<storage::Row> row;
    Force force = Force::kNo;
    size_t op = 0;
    int node = kNoNode;
  };
  struct Node {
    DeletionNode data;
    std::vector<int> children;
    int depth = 0;
  };
  // A doomed row that something may stand against.
  struct Blockable {
    ResourceKey key;
    Force force = Force::kNo;
    int node = kNoNode;
    size_t op = 0;
  };
  struct Unset {
    storage::Edge edge;
    int node = kNoNode;
  };

  [[nodiscard]] absl::Status doom(Item item, int parent, std::string_view field);
  [[nodiscard]] bool is_doomed(const ResourceKey& key) const;
  Task<absl::Status> visit_some();
  Task<absl::Status> visit(Item item);
  [[nodiscard]] absl::StatusOr<bool> admit(const Item& item);
  [[nodiscard]] absl::Status look_inside(const KindPlan& plan, Item& item);
  Task<absl::Status> visit_children(const KindPlan& plan, const Item& item);
  Task<absl::Status> visit_inbound(const KindPlan& plan, const Item& item);
  [[nodiscard]] bool is_dropped(const storage::Edge& edge) const;
  void count_drops();

  Task<absl::Status> settle_unsets();
  Task<absl::Status> settle_blockers();
  Task<absl::Status> name_blocking_edges(const Blockable& row, int64_t count);
  Task<absl::Status> count_blocking_children(const Blockable& row);
  void note_blocker(const ResourceKey& key, std::string field, const Blockable& row);

  int new_node(int parent, const ResourceKey& key, DeletionNode::Effect effect,
               std::string_view field);
  [[nodiscard]] DeletionNode build(int node) const;
  void add_to_digest(std::string_view effect, const ResourceKey& key, std::string_view detail,
                     const storage::Row& row);

  const Plans& plans_;
  storage::Snapshot& snapshot_;
  const ClosureOptions options_;
  WriteSet* set_;

  std::deque<Item> queue_;
  std::set<Fingerprint> seen_;
  std::vector<Doomed> doomed_;
  std::vector<Unset> pending_unsets_;
  std::map<ResourceKey, std::vector<storage::Edge>> unsets_;
  std::vector<Blockable> blockable_;
  // By target: BLOCK references that go with this write.
  std::map<ResourceKey, int64_t> inside_;

  bool truncated_ = false;
  bool waits_ = false;
  std::optional<std::string> contested_;
  int64_t deleted_ = 0;
  int64_t unset_count_ = 0;
  int64_t blocker_count_ = 0;
  std::map<size_t, Obstruction> obstructions_;
  std::array<uint64_t, 4> digest_{};
  std::vector<Node> nodes_;
};

}  // namespace holdfast::store
