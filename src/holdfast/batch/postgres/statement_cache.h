// The statements that a database has been sent so far, wrapped (statement.h), each with a place of
// its own: connections keep what they have prepared in a vector by place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/mutex.h"
#include "holdfast/batch/batch.h"
#include "holdfast/batch/postgres/statement.h"

namespace holdfast::batch::postgres {

// Of one database; each connection may have all of them prepared. The one unused the longest goes.
// Holdfast itself has about a hundred texts; filters make more.
inline constexpr size_t kMaxStatements = 300;

struct Statement {
  std::string text;
  ResultShape shape = ResultShape::kPlain;
  size_t place = 0;  // below kMaxStatements
  uint64_t id = 0;   // no two statements have the same, also after one another at one place
};

// Thread-safe.
class StatementCache {
 public:
  // INTERNAL if the step's statement can't have its expectation.
  [[nodiscard]] absl::StatusOr<std::shared_ptr<const Statement>> get(const Step& step);
  // A query without expectations.
  [[nodiscard]] std::shared_ptr<const Statement> get(std::string_view sql);

 private:
  // What decides the wrapped text.
  struct Key {
    std::string sql;
    std::string observe;
    Expect expect;
    Step::Takes takes = Step::Takes::kEach;
    size_t parameters = 0;
  };
  struct Entry {
    Key key;
    std::shared_ptr<const Statement> statement;  // shared with the batches that use it
    uint64_t last_used = 0;
  };

  [[nodiscard]] static size_t HashOf(const Step& step);
  [[nodiscard]] static bool Matches(const Key& key, const Step& step, size_t parameters);
  [[nodiscard]] size_t free_place() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);                      // by place
  std::unordered_multimap<size_t, size_t> places_ ABSL_GUARDED_BY(mutex_);  // by hash
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holdfast::batch::postgres
