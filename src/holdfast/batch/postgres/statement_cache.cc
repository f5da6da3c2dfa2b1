#include "holdfast/batch/postgres/statement_cache.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace holdfast::batch::postgres {
namespace {

size_t ParametersOf(const Step& step) { return step.binds.empty() ? 0 : step.binds.front().size(); }

}  // namespace

size_t StatementCache::HashOf(const Step& step) { return std::hash<std::string>()(step.sql); }

bool StatementCache::Matches(const Key& key, const Step& step, size_t parameters) {
  if (key.sql != step.sql || key.takes != step.takes || key.expect.what != step.expect.what ||
      key.expect.rows != step.expect.rows) {
    return false;
  }
  // What expects nothing is sent as it is, whatever else there is to it.
  if (step.expect.what == Expect::What::kAnything) return true;
  return key.parameters == parameters && key.observe == step.observe;
}

absl::StatusOr<std::shared_ptr<const Statement>> StatementCache::get(const Step& step) {
  const size_t hash = HashOf(step);
  const size_t parameters = ParametersOf(step);
  const MutexLock lock(mutex_);
  const auto [first, last] = places_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    Entry& entry = entries_[it->second];
    if (!Matches(entry.key, step, parameters)) continue;
    entry.last_used = ++uses_;
    return entry.statement;
  }
  absl::StatusOr<Wrapped> wrapped = Wrap(step, parameters);
  if (!wrapped.ok()) return wrapped.status();
  const size_t place = free_place();
  Entry& entry = entries_[place];
  entry.key = {step.sql, step.observe, step.expect, step.takes, parameters};
  entry.last_used = ++uses_;
  entry.statement = std::make_shared<const Statement>(
      Statement{std::move(wrapped->text), wrapped->shape, place, ++last_id_});
  places_.emplace(hash, place);
  return entry.statement;
}

std::shared_ptr<const Statement> StatementCache::get(std::string_view sql) {
  Step step;
  step.sql = sql;
  return *get(step);  // without an expectation nothing can be wrong with it
}

size_t StatementCache::free_place() {
  if (entries_.size() < kMaxStatements) {
    entries_.emplace_back();
    return entries_.size() - 1;
  }
  const auto oldest =
      std::min_element(entries_.begin(), entries_.end(),
                       [](const Entry& a, const Entry& b) { return a.last_used < b.last_used; });
  const auto place = static_cast<size_t>(oldest - entries_.begin());
  const auto [first, last] = places_.equal_range(std::hash<std::string>()(oldest->key.sql));
  for (auto it = first; it != last; ++it) {
    if (it->second != place) continue;
    places_.erase(it);
    break;
  }
  return place;
}

}  // namespace holdfast::batch::postgres
