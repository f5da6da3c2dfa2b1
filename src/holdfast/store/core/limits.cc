#include "holdfast/store/core/limits.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

std::optional<ResourceKey> AncestorOf(const schema::Kind& kind, const ResourceName& name,
                                      const KindName& wanted) {
  const schema::Kind* at = &kind;
  ResourceName current = name;
  while (at != nullptr) {
    const std::optional<size_t> pattern = at->match(current);
    if (!pattern.has_value()) return std::nullopt;
    std::optional<ResourceKey> parent = at->parent_of(current);
    if (!parent.has_value()) return std::nullopt;
    if (parent->kind == wanted) return parent;
    at = at->parents[*pattern];
    current = std::move(parent->name);
  }
  return std::nullopt;
}

}  // namespace

std::vector<CountedLimit> LimitsOf(const KindPlan& plan, const ResourceName& name) {
  std::vector<CountedLimit> limits;
  for (const schema::LimitRule& rule : plan.kind->limits) {
    std::optional<ResourceKey> holder = AncestorOf(*plan.kind, name, rule.per);
    if (!holder.has_value()) continue;
    limits.push_back({.key = {.holder = *std::move(holder), .counted = plan.name()},
                      .default_max = rule.default_max});
  }
  return limits;
}

void LimitCount::add(const Change& change) {
  if (change.plan->kind->limits.empty() || change.type == WriteOp::Type::kUpdate) return;
  // A resource that is only a shadow any more has given back what it took.
  if (change.type == WriteOp::Type::kDelete && !change.row->body.has_value()) return;
  for (CountedLimit& limit : LimitsOf(*change.plan, change.key.name)) {
    Sum& sum = sums_[std::move(limit.key)];
    sum.default_max = limit.default_max;
    sum.n += change.type == WriteOp::Type::kCreate ? 1 : -1;
  }
}

void LimitCount::add_ops(WriteSet& set) const {
  for (const auto& [key, sum] : sums_) {
    if (sum.n == 0) continue;
    set.add_op(storage::TakeLimit{.key = key, .n = sum.n, .default_max = sum.default_max},
               {.explain = &LimitCount::Explain});
  }
}

// The creation for which nothing was left is the one that failed.
Verdict LimitCount::Explain(const WriteSet& set, const Note& /*note*/,
                            const storage::Failure& failure) {
  if (!failure.limit.has_value()) return Verdict::Retry();
  const storage::LimitRow& limit = *failure.limit;
  int64_t left = limit.max - limit.used;
  const Change* failed = nullptr;
  for (const auto& change : set.changes()) {
    if (change->type != WriteOp::Type::kCreate || change->plan->name() != limit.key.counted)
      continue;
    for (const CountedLimit& counted : LimitsOf(*change->plan, change->key.name)) {
      if (counted.key != limit.key || left < 0) continue;
      failed = change.get();
      --left;
    }
  }
  absl::Status status = LimitExceeded(limit);
  return Verdict::Answer(failed == nullptr ? status : set.at(*failed, std::move(status)));
}

}  // namespace holdfast::store
