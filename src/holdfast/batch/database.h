// A database that takes batches. Drivers: batch/sqlite/; PostgreSQL has its room in
// batch/postgres/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/batch/batch.h"
#include "holdfast/env/task.h"

namespace holdfast::batch {

// Reads that all see one state of the database. Bounded in life: give it back soon.
class ReadSnapshot {
 public:
  virtual ~ReadSnapshot() = default;
  // At most `max_rows` rows (the rest isn't computed).
  virtual Task<absl::StatusOr<std::vector<Row>>> query(std::string_view sql, Row binds,
                                                       size_t max_rows) = 0;

  // The same statement for each row of `binds`, in one round trip: the rows of each.
  virtual Task<absl::StatusOr<std::vector<std::vector<Row>>>> query_each(std::string_view sql,
                                                                         std::vector<Row> binds,
                                                                         size_t max_rows) = 0;
};

class Database {
 public:
  virtual ~Database() = default;

  // All or nothing. Answers only after the commit is durable (or certainly isn't). What is
  // retryable the driver has sent again by itself, within bounds, before it says so.
  virtual Task<Outcome> commit(Batch batch) = 0;

  virtual Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> snapshot() = 0;
};

}  // namespace holdfast::batch
