#include "holdfast/storage/sql/row_page.h"

#include <algorithm>
#include <utility>

namespace holdfast::storage::sql {
namespace {

// The first chunk, while nothing is known of the rows' sizes, and the least later ones.
constexpr size_t kFirstChunk = 16;

}  // namespace

RowPage::RowPage(Bounds bounds) : bounds_(bounds) {
  bounds_.limit = std::clamp<size_t>(bounds.limit, 1, kMaxPage);
  bounds_.max_examined = std::max<size_t>(bounds.max_examined, 1);
}

size_t RowPage::chunk() const {
  const size_t left = bounds_.limit - std::min(bounds_.limit, rows_.size()) + 1;
  if (bounds_.fields == Fields::kShadow) return left;
  if (rows_.empty()) return std::min(left, kFirstChunk);
  const size_t average = bytes_ / rows_.size() + 1;
  const size_t fitting = (bounds_.max_bytes - std::min(bounds_.max_bytes, bytes_)) / average + 1;
  return std::min(left, std::max(kFirstChunk, fitting));
}

bool RowPage::examine(Row row) {
  const bool wanted = row.state != RowState::kGone || bounds_.tombstones == Tombstones::kInclude;
  const size_t bytes = row.body.has_value() ? row.body->size() : 0;
  const bool fits =
      rows_.empty() || (rows_.size() < bounds_.limit && bytes_ + bytes <= bounds_.max_bytes);
  full_ = examined_ == bounds_.max_examined || (wanted && !fits);
  if (full_) return false;
  ++examined_;
  last_ = row.key;
  if (!wanted) return true;
  bytes_ += bytes;
  rows_.push_back(std::move(row));
  return true;
}

ScanPage RowPage::take() {
  ScanPage page{.rows = std::move(rows_)};
  if (full_) page.next = last_;
  return page;
}

}  // namespace holdfast::storage::sql
