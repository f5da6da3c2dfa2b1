#include "holdfast/storage/memory/tables.h"

namespace holdfast::storage::memory {

void Tables::keep(Revision now) {
  for (const ResourceKey& key : rows.touched()) {
    if (rows.find(key, now) != nullptr) changes.emplace(now, key);
  }
  rows.keep();
  edges.keep();
  unique.keep();
  limits.keep();
  claims.keep();
  due_claims.keep();
  cursors.keep();
  requests.keep();
  duties.keep();
  revision = now;
  // With a snapshot out nothing new can be forgotten before it is back.
  if (snapshots.empty()) prune();
}

void Tables::undo() {
  rows.undo();
  edges.undo();
  unique.undo();
  limits.undo();
  claims.undo();
  due_claims.undo();
  cursors.undo();
  requests.undo();
  duties.undo();
}

void Tables::release_snapshot(Revision at) {
  const bool was_oldest = *snapshots.begin() == at;
  snapshots.erase(snapshots.find(at));
  if (was_oldest && (snapshots.empty() || *snapshots.begin() != at)) prune();
}

void Tables::prune() {
  const Revision oldest = snapshots.empty() ? revision : *snapshots.begin();
  const auto ignore = [](const auto& /*key*/, Revision /*since*/) {};
  rows.prune(oldest, [this](const ResourceKey& key, Revision since) {
    changes.erase(std::pair(since, key));
  });
  edges.prune(oldest, ignore);
  unique.prune(oldest, ignore);
  limits.prune(oldest, ignore);
  claims.prune(oldest, ignore);
  due_claims.prune(oldest, ignore);
  cursors.prune(oldest, ignore);
  requests.prune(oldest, ignore);
  duties.prune(oldest, ignore);
}

bool HasDuties(const Row& row) {
  if (row.pending != 0) return true;
  return row.state != RowState::kActive && row.state != RowState::kGone;
}

Row ShadowOf(const Row& row) {
  Row shadow = row;
  shadow.body.reset();
  shadow.fields.clear();
  shadow.outgoing.clear();
  return shadow;
}

}  // namespace holdfast::storage::memory
