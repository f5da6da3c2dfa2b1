// The parameters of ops, in the order that dialect.h names them.
#pragma once

#include <cstdint>

#include "holdfast/batch/batch.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/names.h"

namespace holdfast::storage::sql {

class Binder {
 public:
  // Both must outlive it; `names` must know all names of the ops.
  Binder(const Dialect& dialect, const NameIds& names) : dialect_(dialect), names_(names) {}

  [[nodiscard]] batch::Row key(const ResourceKey& key) const;
  [[nodiscard]] batch::Row request(const PutRequest& op, Timestamp now) const;
  [[nodiscard]] batch::Row guard(const RequireRow& op) const;
  [[nodiscard]] batch::Row erase(const EraseRow& op) const;
  // Take the row's contents.
  [[nodiscard]] batch::Row update(Row&& row, Version expected) const;
  [[nodiscard]] batch::Row create(Row&& row) const;
  [[nodiscard]] batch::Row state(const SetState& op) const;
  // Of an edge to remove; put_edge takes the behavior besides.
  [[nodiscard]] batch::Row dropped(const Edge& edge) const;
  [[nodiscard]] batch::Row put(const Edge& edge) const;
  [[nodiscard]] batch::Row unique(const UniqueValue& value) const;
  [[nodiscard]] batch::Row cursor(const PutCursor& op) const;
  [[nodiscard]] batch::Row required(const RequireClaim& op) const;
  // Of make_claim, or, with terms expected, of change_claim.
  [[nodiscard]] batch::Row put(const PutClaim& op) const;
  [[nodiscard]] batch::Row drop(const DropClaim& op) const;
  [[nodiscard]] batch::Row unheld(const RequireUnheld& op) const;
  [[nodiscard]] batch::Row limit(const LimitKey& key, int64_t number) const;
  [[nodiscard]] batch::Row children(const ResourceKey& key, const KindName& kind) const;

 private:
  const Dialect& dialect_;
  const NameIds& names_;
};

}  // namespace holdfast::storage::sql
