// One page of rows being filled, and where the next one starts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "holdfast/storage/engine.h"

namespace holdfast::storage::sql {

class RowPage {
 public:
  struct Bounds {
    size_t limit = kMaxPage;
    size_t max_bytes = kMaxPageBytes;
    size_t max_examined = SIZE_MAX;
    Fields fields = Fields::kAll;
    Tombstones tombstones = Tombstones::kInclude;
  };
  explicit RowPage(Bounds bounds);

  // How many rows to read next: enough to find out whether the page is full, and not many more
  // bytes than fit.
  [[nodiscard]] size_t chunk() const;

  // Takes the row, or passes over it if it isn't wanted. False: the page was full before it.
  bool examine(Row row);

  [[nodiscard]] bool full() const { return full_; }
  // The last row that was taken or passed over.
  [[nodiscard]] const std::optional<ResourceKey>& last() const { return last_; }
  [[nodiscard]] std::vector<Row>& rows() { return rows_; }
  // With `next` if it is full.
  [[nodiscard]] ScanPage take();

 private:
  Bounds bounds_;
  size_t bytes_ = 0;
  size_t examined_ = 0;
  bool full_ = false;
  std::optional<ResourceKey> last_;
  std::vector<Row> rows_;
};

}  // namespace holdfast::storage::sql
