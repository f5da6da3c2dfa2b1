#include "holdfast/store/constraint/closure.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/references.h"

namespace holdfast::store {
namespace {

using storage::Edge;
using storage::Row;
using storage::RowState;

// Rows read at once, and rows that may wait in the queue with their bodies.
constexpr size_t kReadAtOnce = 64;
constexpr size_t kBodiesInQueue = 256;

std::string FingerprintText(const ResourceKey& key) {
  return absl::StrCat(key.kind.str(), absl::string_view("\0", 1), key.name.str());
}

template <size_t N>
std::array<uint64_t, N> Words(const std::string& hash) {
  std::array<uint64_t, N> words{};
  std::memcpy(words.data(), hash.data(), sizeof(words));
  return words;
}

}  // namespace

bool GoesWithParent(const KindPlan& child, Force force) {
  return force == Force::kYes || child.kind->on_parent_deleted != schema::ParentDeletion::kBlock;
}

Closure::Closure(const Plans& plans, storage::Snapshot& snapshot, ClosureOptions options,
                 WriteSet* set)
    : plans_(plans), snapshot_(snapshot), options_(std::move(options)), set_(set) {}

Task<absl::Status> Closure::run(std::vector<ClosureRoot> roots) {
  count_drops();
  for (ClosureRoot& root : roots) {
    Item item;
    item.key = std::move(root.key);
    item.force = root.force;
    item.op = root.op;
    HF_CO_RETURN_IF_ERROR(doom(std::move(item), kNoNode, ""));
  }
  while (!queue_.empty() && !truncated_) HF_CO_RETURN_IF_ERROR(co_await visit_some());
  if (truncated_) co_return absl::OkStatus();
  HF_CO_RETURN_IF_ERROR(co_await settle_unsets());
  absl::Status status = co_await settle_blockers();
  co_return status;
}

bool Closure::is_doomed(const ResourceKey& key) const {
  return seen_.contains(Words<2>(Sha256(FingerprintText(key))));
}

absl::Status Closure::doom(Item item, int parent, std::string_view field) {
  if (!seen_.insert(Words<2>(Sha256(FingerprintText(item.key)))).second) return absl::OkStatus();
  if (set_ != nullptr) {
    const Change* own = set_->find(item.key);
    if (own != nullptr && own->type != WriteOp::Type::kDelete &&
        own->origin != Change::Origin::kDeletion) {
      return MakeError(Reason::kMalformedRequest,
                       absl::StrCat(item.key.kind.str(), " ", ForMessage(item.key.name.str()),
                                    " would be deleted by one operation and changed by another; "
                                    "make two requests"));
    }
  }
  item.node = new_node(parent, item.key, DeletionNode::Effect::kDeleted, field);
  if (queue_.size() >= kBodiesInQueue) item.row.reset();
  queue_.push_back(std::move(item));
  return absl::OkStatus();
}

Task<absl::Status> Closure::visit_some() {
  std::vector<Item> items;
  std::vector<ResourceKey> missing;
  while (!queue_.empty() && items.size() < kReadAtOnce) {
    items.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (!items.back().row.has_value()) missing.push_back(items.back().key);
  }
  std::vector<std::optional<Row>> rows;
  if (!missing.empty()) {
    HF_CO_ASSIGN_OR_RETURN(rows, co_await snapshot_.get(std::move(missing), storage::Fields::kAll));
  }
  size_t next = 0;
  for (Item& item : items) {
    if (!item.row.has_value()) item.row = std::move(rows[next++]);
    if (truncated_) break;
    HF_CO_RETURN_IF_ERROR(co_await visit(std::move(item)));
  }
  co_return absl::OkStatus();
}

// Is it this deletion's to take?
absl::StatusOr<bool> Closure::admit(const Item& item) {
  if (!item.row.has_value() || item.row->state == RowState::kGone) return false;
  if (item.row->state == RowState::kDeleting) {
    waits_ = true;  // another deletion is at it already
    return false;
  }
  if (item.row->state == RowState::kClosing && item.row->round != options_.round) {
    contested_ = item.row->round;
  }
  if (static_cast<size_t>(deleted_) >= options_.max_resources) {
    truncated_ = true;
    return false;
  }
  return true;
}

Task<absl::Status> Closure::visit(Item item) {
  HF_CO_ASSIGN_OR_RETURN(const bool admitted, admit(item));
  if (!admitted) co_return absl::OkStatus();
  const KindPlan* plan = plans_.find(item.key.kind);
  if (plan == nullptr) {
    co_return MakeError(Reason::kSchemaNewer,
                        absl::StrCat("the database has the unknown kind ", item.key.kind.str()));
  }
  ++deleted_;
  add_to_digest("delete", item.key, "", *item.row);
  HF_CO_RETURN_IF_ERROR(look_inside(*plan, item));
  if (!plan->is_checked()) co_return absl::OkStatus();
  HF_CO_RETURN_IF_ERROR(co_await visit_children(*plan, item));
  absl::Status status = co_await visit_inbound(*plan, item);
  co_return status;
}

// Its protection, and the references that go with it.
absl::Status Closure::look_inside(const KindPlan& plan, Item& item) {
  MessagePtr message;
  if (item.row->body.has_value()) {
    HF_ASSIGN_OR_RETURN(message, ParseBody(plans_, plan, *item.row));
    if (plan.meta(*message).lifecycle().block_deletion()) {
      auto& protected_by = obstructions_[item.op].protected_by;
      if (!protected_by.has_value()) protected_by = item.key;
      if (item.node != kNoNode) {
        nodes_[static_cast<size_t>(item.node)].data.effect = DeletionNode::Effect::kProtected;
      }
    }
    for (const Edge& edge : EdgesOf(plans_, plan, item.key, *message)) {
      if (edge.behavior == OnDelete::kBlock) ++inside_[edge.target];
    }
  }
  if (options_.keep == ClosureOptions::Keep::kRows) {
    doomed_.push_back({&plan, *item.row, std::move(message), item.op});
  }
  return absl::OkStatus();
}

Task<absl::Status> Closure::visit_children(const KindPlan& plan, const Item& item) {
  storage::ScanQuery scan;
  bool blockable = (plan.incoming & kBlockMask) != 0;
  for (const KindPlan* child : plan.children) {
    if (!GoesWithParent(*child, item.force)) {
      blockable = true;
      continue;
    }
    scan.kinds.push_back(child->name());
  }
  if (blockable) blockable_.push_back({item.key, item.force, item.node, item.op});
  if (scan.kinds.empty()) co_return absl::OkStatus();
  scan.name_prefix = item.key.name.str() + "/";
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot_.scan(scan));
    for (Row& row : page.rows) {
      const KindPlan& child = plans_.at(row.key.kind);
      const std::optional<ResourceKey> parent = child.kind->parent_of(row.key.name);
      if (!parent.has_value() || *parent != item.key) continue;  // of a deeper pattern
      if (child.kind->on_parent_deleted == schema::ParentDeletion::kAsyncCascadeDelete) {
        waits_ = true;
      }
      Item below{.key = row.key, .row = {}, .force = item.force, .op = item.op};
      below.row = std::move(row);
      HF_CO_RETURN_IF_ERROR(doom(std::move(below), item.node, ""));
    }
    scan.after = std::move(page.next);
  } while (scan.after.has_value() &&
           queue_.size() + static_cast<size_t>(deleted_) <= options_.max_resources);
  if (scan.after.has_value()) truncated_ = true;
  co_return absl::OkStatus();
}

Task<absl::Status> Closure::visit_inbound(const KindPlan& plan, const Item& item) {
  storage::InboundQuery query;
  query.target = item.key;
  query.behaviors = plan.incoming & (kCascadeMask | kUnsetMask);
  if (query.behaviors == 0) co_return absl::OkStatus();
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot_.inbound(query));
    for (Edge& edge : page.edges) {
      if (is_dropped(edge)) continue;
      if ((MaskOf(edge.behavior) & kUnsetMask) != 0) {
        pending_unsets_.push_back({std::move(edge), item.node});
        continue;
      }
      if (edge.behavior == OnDelete::kAsyncCascadeDelete) waits_ = true;
      Item source;
      source.key = edge.source;
      source.force = item.force;
      source.op = item.op;
      HF_CO_RETURN_IF_ERROR(doom(std::move(source), item.node, edge.field));
    }
    query.after = std::move(page.next);
    truncated_ = pending_unsets_.size() > options_.max_resources;
  } while (query.after.has_value() && !truncated_);
  co_return absl::OkStatus();
}

// Does this very write take the reference away?
bool Closure::is_dropped(const Edge& edge) const {
  if (set_ == nullptr) return false;
  const Change* source = set_->find(edge.source);
  if (source == nullptr || source->after == nullptr) return false;
  for (const Edge& kept : EdgesOf(plans_, *source->plan, source->key, *source->after)) {
    if (kept.target == edge.target && kept.field == edge.field) return false;
  }
  return true;
}

void Closure::count_drops() {
  if (set_ == nullptr) return;
  for (const auto& change : set_->changes()) {
    if (change->type != WriteOp::Type::kUpdate || change->unchanged) continue;
    for (const Edge& edge : EdgesOf(plans_, *change->plan, change->key, *change->before)) {
      if (edge.behavior == OnDelete::kBlock && is_dropped(edge)) ++inside_[edge.target];
    }
  }
}

Task<absl::Status> Closure::settle_unsets() {
  std::erase_if(pending_unsets_,
                [this](const Unset& unset) { return is_doomed(unset.edge.source); });
  for (size_t first = 0; first < pending_unsets_.size(); first += kReadAtOnce) {
    const size_t last = std::min(first + kReadAtOnce, pending_unsets_.size());
    std::vector<ResourceKey> keys;
    for (size_t i = first; i < last; ++i) keys.push_back(pending_unsets_[i].edge.source);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot_.get(std::move(keys), storage::Fields::kShadow));
    for (size_t i = first; i < last; ++i) {
      Unset& unset = pending_unsets_[i];
      const std::optional<Row>& row = rows[i - first];
      if (!row.has_value()) continue;
      if (unset.edge.behavior == OnDelete::kAsyncUnset) waits_ = true;
      ++unset_count_;
      add_to_digest("unset", unset.edge.source,
                    absl::StrCat(unset.edge.field, "=", unset.edge.target.name.str()), *row);
      new_node(unset.node, unset.edge.source, DeletionNode::Effect::kUnset, unset.edge.field);
      unsets_[unset.edge.source].push_back(std::move(unset.edge));
    }
  }
  pending_unsets_.clear();
  co_return absl::OkStatus();
}

Task<absl::Status> Closure::settle_blockers() {
  for (const Blockable& row : blockable_) {
    const KindPlan& plan = plans_.at(row.key.kind);
    if ((plan.incoming & kBlockMask) != 0) {
      HF_CO_ASSIGN_OR_RETURN(const int64_t all,
                             co_await snapshot_.count_inbound(row.key, kBlockMask));
      const auto inside = inside_.find(row.key);
      const int64_t count = all - (inside == inside_.end() ? 0 : inside->second);
      if (count > 0) HF_CO_RETURN_IF_ERROR(co_await name_blocking_edges(row, count));
    }
    if (row.force == Force::kNo) HF_CO_RETURN_IF_ERROR(co_await count_blocking_children(row));
  }
  co_return absl::OkStatus();
}

// `count` references from outside are there: the first of them by name.
Task<absl::Status> Closure::name_blocking_edges(const Blockable& row, int64_t count) {
  blocker_count_ += count;
  obstructions_[row.op].blockers += count;
  const size_t wanted = std::max(kNamedBlockers, options_.samples);
  size_t named = 0;
  storage::InboundQuery query{
      .target = row.key, .behaviors = kBlockMask, .after = {}, .limit = wanted + 1};
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot_.inbound(query));
    for (Edge& edge : page.edges) {
      if (named == wanted || is_doomed(edge.source) || is_dropped(edge)) continue;
      ++named;
      note_blocker(edge.source, std::move(edge.field), row);
    }
    query.after = std::move(page.next);
  } while (query.after.has_value() && named < wanted && static_cast<int64_t>(named) < count);
  if (row.node != kNoNode) {
    nodes_[static_cast<size_t>(row.node)].data.child_count += count - static_cast<int64_t>(named);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Closure::count_blocking_children(const Blockable& row) {
  storage::ScanQuery scan;
  for (const KindPlan* child : plans_.at(row.key.kind).children) {
    if (!GoesWithParent(*child, row.force)) scan.kinds.push_back(child->name());
  }
  if (scan.kinds.empty()) co_return absl::OkStatus();
  scan.name_prefix = row.key.name.str() + "/";
  scan.fields = storage::Fields::kShadow;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot_.scan(scan));
    for (const Row& child : page.rows) {
      const std::optional<ResourceKey> parent =
          plans_.at(child.key.kind).kind->parent_of(child.key.name);
      if (!parent.has_value() || *parent != row.key || is_doomed(child.key)) continue;
      if (child.state == RowState::kDeleting) {
        waits_ = true;
        continue;
      }
      ++blocker_count_;
      ++obstructions_[row.op].blockers;
      note_blocker(child.key, "", row);
    }
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return absl::OkStatus();
}

void Closure::note_blocker(const ResourceKey& key, std::string field, const Blockable& row) {
  new_node(row.node, key, DeletionNode::Effect::kBlocks, field);
  std::vector<Blocker>& first = obstructions_[row.op].first_blockers;
  if (first.size() < kNamedBlockers) {
    first.push_back({.key = key, .field = std::move(field), .target = row.key});
  }
}

int Closure::new_node(int parent, const ResourceKey& key, DeletionNode::Effect effect,
                      std::string_view field) {
  if (options_.samples == 0) return kNoNode;
  int depth = 0;
  if (parent != kNoNode) {
    Node& above = nodes_[static_cast<size_t>(parent)];
    ++above.data.child_count;
    depth = above.depth + 1;
    if (above.children.size() >= options_.samples || depth > kMaxTreeDepth) return kNoNode;
    above.children.push_back(static_cast<int>(nodes_.size()));
  } else if (!nodes_.empty()) {
    return kNoNode;  // its parent isn't in the tree either
  }
  Node node;
  node.data = {.key = key, .effect = effect, .field = std::string(field), .children = {}};
  node.depth = depth;
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

DeletionNode Closure::build(int node) const {
  const Node& from = nodes_[static_cast<size_t>(node)];
  DeletionNode result = from.data;
  for (const int child : from.children) result.children.push_back(build(child));
  return result;
}

DeletionNode Closure::tree() const { return nodes_.empty() ? DeletionNode{} : build(0); }

// Sums don't depend on the order in which the walk comes by.
void Closure::add_to_digest(std::string_view effect, const ResourceKey& key,
                            std::string_view detail, const Row& row) {
  const std::string text =
      absl::StrJoin({std::string(effect), key.kind.str(), key.name.str(), std::string(detail),
                     row.uid.str(), absl::StrCat(row.version.value())},
                    "\n");
  const auto words = Words<4>(Sha256(text));
  for (size_t i = 0; i < words.size(); ++i) digest_[i] += words[i];
}

std::string Closure::digest() const {
  const std::string counts = absl::StrCat(deleted_, ",", unset_count_, ",");
  const std::string sums = absl::StrJoin(digest_, ",");
  return absl::BytesToHexString(Sha256(counts + sums)).substr(0, 32);
}

}  // namespace holdfast::store
