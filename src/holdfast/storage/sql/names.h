// Kinds and field paths are numbers in the big tables: 350,000 edges hold three of them each.
// Numbers are given once and never change, so they can be remembered.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/mutex.h"
#include "holdfast/base/types.h"
#include "holdfast/batch/database.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {

// The numbers known at some time.
struct NameIds {
  std::map<std::string, int64_t, std::less<>> kinds;
  std::map<std::string, int64_t, std::less<>> fields;

  // The name must be known.
  [[nodiscard]] int64_t kind(const KindName& name) const;
  [[nodiscard]] int64_t field(std::string_view path) const;
};

// Names without a number yet.
struct NewNames {
  std::set<std::string> kinds;
  std::set<std::string> fields;
};

// Thread-safe.
class Names {
 public:
  Names(const Dialect& dialect, batch::Database& database, NameIds known)
      : dialect_(dialect),
        database_(database),
        known_(std::make_shared<const NameIds>(std::move(known))) {}

  // All numbers that a batch needs; new names get theirs in a transaction of their own, which
  // happens once a name in the life of a database.
  [[nodiscard]] Task<absl::StatusOr<std::shared_ptr<const NameIds>>> of(const Batch& batch);

  // Takes over what a snapshot has: numbers and names of all its kinds.
  [[nodiscard]] std::shared_ptr<const NameIds> learn(std::vector<batch::Row> kinds);

  // shared: readers keep theirs while others add.
  [[nodiscard]] std::shared_ptr<const NameIds> known() const;

 private:
  [[nodiscard]] Task<absl::StatusOr<std::shared_ptr<const NameIds>>> add(NewNames names);

  const Dialect& dialect_;
  batch::Database& database_;
  mutable Mutex mutex_;
  std::shared_ptr<const NameIds> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::storage::sql
