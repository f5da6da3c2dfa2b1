#include "holdfast/storage/memory/transaction.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace holdfast::storage::memory {
namespace {

Failure RowFailure(const Row* observed) {
  Failure failure;
  failure.kind = Failure::Kind::kGuard;
  if (observed != nullptr) failure.row = ShadowOf(*observed);
  return failure;
}

Failure ClaimFailure(const Claim* observed) {
  Failure failure;
  failure.kind = Failure::Kind::kGuard;
  if (observed != nullptr) failure.claim = *observed;
  return failure;
}

bool InStates(const Row& row, uint32_t states) {
  return (states & 1u << static_cast<int>(row.state)) != 0;
}

// There, not a tombstone, and the one that was meant.
bool Is(const Row* row, const Uid& uid, const std::optional<Version>& version) {
  if (row == nullptr || row->state == RowState::kGone || row->uid != uid) return false;
  return !version.has_value() || row->version == *version;
}

}  // namespace

std::optional<Failure> Transaction::run(const std::vector<Op>& ops) {
  std::vector<size_t> order(ops.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&ops](size_t a, size_t b) { return ops[a].index() < ops[b].index(); });
  for (const size_t position : order) {
    Result failure = std::visit([this](const auto& op) { return apply(op); }, ops[position]);
    if (failure.has_value()) {
      failure->op = position;
      return failure;
    }
  }
  return std::nullopt;
}

Transaction::Result Transaction::apply(const PutRequest& op) {
  if (const KeptRequest* kept = tables_.requests.find(op.id, revision_)) {
    Failure failure;
    failure.kind = Failure::Kind::kRequestSeen;
    failure.request = kept->request;
    return failure;
  }
  tables_.requests.put(op.id, KeptRequest{.request = op, .made = now_}, revision_);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const RequireRow& op) {
  const Row* row = find(op.key);
  const bool holds = row != nullptr && InStates(*row, op.states) &&
                     (!op.uid.has_value() || row->uid == *op.uid) &&
                     (!op.version.has_value() || row->version == *op.version) &&
                     (!op.round.has_value() || row->round == *op.round);
  if (!holds) return RowFailure(row);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const RequireClaim& op) {
  const Claim* claim = find(op.key);
  const bool holds =
      claim != nullptr && claim->terms.uid == op.uid && (op.states & 1u << claim->terms.state) != 0;
  if (!holds) return ClaimFailure(claim);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const EraseRow& op) {
  const Row* row = find(op.key);
  if (!Is(row, op.uid, op.expected)) return RowFailure(row);
  Row tombstone = ShadowOf(*row);
  tombstone.state = RowState::kGone;
  tombstone.pending = 0;
  tombstone.round.clear();
  tombstone.delete_time = op.delete_time;
  put(std::move(tombstone));
  remove_edges(op.removed_edges);
  remove_unique(op.removed_unique);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const UpdateRow& op) {
  const Row* row = find(op.row.key);
  if (!Is(row, op.row.uid, op.expected)) return RowFailure(row);
  Row updated = op.row;
  updated.stamp = row->stamp;
  put(std::move(updated));
  remove_edges(op.removed_edges);
  add_edges(op.added_edges);
  remove_unique(op.removed_unique);
  return add_unique(op.added_unique);
}

Transaction::Result Transaction::apply(const SetState& op) {
  const Row* row = find(op.key);
  const bool holds = row != nullptr && row->uid == op.uid && InStates(*row, op.from_states) &&
                     (!op.from_round.has_value() || row->round == *op.from_round);
  if (!holds) return RowFailure(row);
  Row changed = *row;
  changed.state = op.to;
  changed.round = op.round;
  changed.pending = op.pending;
  changed.delete_time = op.delete_time;
  put(std::move(changed));
  return std::nullopt;
}

Transaction::Result Transaction::apply(const CreateRow& op) {
  const Row* before = find(op.row.key);
  if (before != nullptr && before->state != RowState::kGone) return RowFailure(before);
  Row created = op.row;
  created.stamp = before == nullptr ? 1 : before->stamp + 1;
  put(std::move(created));
  add_edges(op.edges);
  return add_unique(op.unique);
}

Transaction::Result Transaction::apply(const PutCursor& op) {
  const std::string* kept = tables_.cursors.find(op.name, revision_);
  if (op.expected.has_value() && *op.expected != (kept == nullptr ? "" : *kept)) {
    Failure failure;
    failure.kind = Failure::Kind::kGuard;
    return failure;
  }
  std::optional<std::string> value;
  if (!op.value.empty()) value = op.value;
  if (value.has_value() || kept != nullptr) tables_.cursors.put(op.name, value, revision_);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const TakeLimit& op) {
  LimitRow limit{.key = op.key, .used = 0, .max = op.default_max};
  if (const LimitRow* kept = tables_.limits.find(op.key, revision_)) limit.used = kept->used;
  const int64_t used = limit.used + op.n;
  if (used < 0 || (op.n > 0 && used > limit.max)) {
    Failure failure;
    failure.kind = used < 0 ? Failure::Kind::kBug : Failure::Kind::kLimit;
    failure.limit = limit;
    failure.message = used < 0 ? "a limit's use below zero" : "";
    return failure;
  }
  limit.used = used;
  tables_.limits.put(op.key, std::move(limit), revision_);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const DropClaim& op) {
  const Claim* claim = find(op.key);
  if (claim == nullptr || claim->terms != op.expected) return ClaimFailure(claim);
  put(op.key, std::nullopt);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const PutClaim& op) {
  const Claim* claim = find(op.claim.key);
  const bool holds =
      op.expected.has_value() ? claim != nullptr && claim->terms == *op.expected : claim == nullptr;
  if (!holds) return ClaimFailure(claim);
  Claim put_claim = op.claim;
  put_claim.terms.version = op.expected.has_value() ? op.expected->version + 1 : 1;
  put(op.claim.key, std::move(put_claim));
  return std::nullopt;
}

Transaction::Result Transaction::apply(const RequireTarget& op) {
  const Row* row = find(op.key);
  if (row == nullptr || row->state != RowState::kActive) return RowFailure(row);
  return std::nullopt;
}

Transaction::Result Transaction::apply(const RequireNoInbound& op) {
  Result failure;
  const auto look = [&](const EdgeKey& key, OnDelete behavior) {
    const auto& [target, source, field] = key;
    if (target != op.key) return false;
    if (behavior == OnDelete::kAllowDangling) return true;
    failure.emplace().kind = Failure::Kind::kGuard;
    failure->edge = Edge{.target = target, .source = source, .field = field, .behavior = behavior};
    return false;
  };
  tables_.edges.visit(EdgeKey(op.key, {}, {}), revision_, look);
  return failure;
}

Transaction::Result Transaction::apply(const RequireNoChildren& op) {
  const std::string prefix = op.key.name.str() + "/";
  std::optional<ResourceKey> child;
  for (const KindName& kind : op.kinds) {
    const auto look = [&](const ResourceKey& key, const Row& row) {
      if (key.kind != kind || !key.name.str().starts_with(prefix)) return false;
      if (row.state == RowState::kGone) return true;
      if (!child.has_value() || key < *child) child = key;
      return false;
    };
    tables_.rows.visit({.kind = kind, .name = ResourceName(prefix)}, revision_, look);
  }
  if (!child.has_value()) return std::nullopt;
  Failure failure;
  failure.kind = Failure::Kind::kGuard;
  failure.child = std::move(child);
  return failure;
}

Transaction::Result Transaction::apply(const RequireUnheld& op) {
  Result failure;
  for (const ClaimType type : {ClaimType::kBlockade, ClaimType::kSource}) {
    const auto look = [&](const ClaimKey& key, const Claim& claim) {
      if (key.type != type || key.target != op.key) return false;
      if (claim.terms.round >= op.before_round) return true;
      failure = ClaimFailure(&claim);
      return false;
    };
    if (failure.has_value()) break;
    tables_.claims.visit({.type = type, .target = op.key, .holder = ""}, revision_, look);
  }
  return failure;
}

const Row* Transaction::find(const ResourceKey& key) const {
  return tables_.rows.find(key, revision_);
}

void Transaction::put(Row row) {
  row.revision = revision_;
  const ResourceKey key = row.key;
  if (HasDuties(row)) {
    tables_.duties.put(key, true, revision_);
  } else if (tables_.duties.find(key, revision_) != nullptr) {
    tables_.duties.put(key, std::nullopt, revision_);
  }
  tables_.rows.put(key, std::move(row), revision_);
}

const Claim* Transaction::find(const ClaimKey& key) const {
  return tables_.claims.find(key, revision_);
}

void Transaction::put(const ClaimKey& key, std::optional<Claim> claim) {
  if (const Claim* before = find(key); before != nullptr && before->due != kNeverDue) {
    tables_.due_claims.put({key.type, before->due, key}, std::nullopt, revision_);
  }
  if (claim.has_value() && claim->due != kNeverDue) {
    tables_.due_claims.put({key.type, claim->due, key}, true, revision_);
  }
  tables_.claims.put(key, std::move(claim), revision_);
}

void Transaction::remove_edges(const std::vector<Edge>& edges) {
  for (const Edge& edge : edges) {
    const EdgeKey key(edge.target, edge.source, edge.field);
    if (tables_.edges.find(key, revision_) != nullptr) {
      tables_.edges.put(key, std::nullopt, revision_);
    }
  }
}

void Transaction::add_edges(const std::vector<Edge>& edges) {
  for (const Edge& edge : edges) {
    tables_.edges.put(EdgeKey(edge.target, edge.source, edge.field), edge.behavior, revision_);
  }
}

void Transaction::remove_unique(const std::vector<UniqueValue>& values) {
  for (const UniqueValue& value : values) {
    if (tables_.unique.find(value, revision_) != nullptr) {
      tables_.unique.put(value, std::nullopt, revision_);
    }
  }
}

Transaction::Result Transaction::add_unique(const std::vector<UniqueValue>& values) {
  for (const UniqueValue& value : values) {
    if (tables_.unique.find(value, revision_) != nullptr) {
      Failure failure;
      failure.kind = Failure::Kind::kUnique;
      failure.unique = value;
      return failure;
    }
    tables_.unique.put(value, true, revision_);
  }
  return std::nullopt;
}

}  // namespace holdfast::storage::memory
