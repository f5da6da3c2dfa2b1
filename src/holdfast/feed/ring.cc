#include "holdfast/feed/ring.h"

#include <algorithm>
#include <set>
#include <utility>

#include "holdfast/base/check.h"

namespace holdfast::feed {
namespace {

using storage::Cursor;
using storage::Row;

// Beside its strings: the row itself, its place here, allocation.
constexpr size_t kRowOverhead = 400;

size_t BodyBytes(const Row& row) { return row.body.has_value() ? row.body->size() : 0; }

size_t BytesOf(const Row& row) {
  return kRowOverhead + BodyBytes(row) + row.fields.size() + row.outgoing.size() +
         row.key.name.str().size() + row.key.kind.str().size();
}

// Of keys that live in the ring: nothing is copied, for thousands of readers do this.
struct ByKey {
  bool operator()(const ResourceKey* a, const ResourceKey* b) const { return *a < *b; }
};
using KeySet = std::set<const ResourceKey*, ByKey>;

// A place without a key is behind all rows of its revision.
bool AtOrBehind(const Cursor& cursor, const Cursor& base) {
  if (cursor.revision != base.revision) return cursor.revision > base.revision;
  if (!cursor.key.has_value()) return true;
  return base.key.has_value() && *cursor.key >= *base.key;
}

}  // namespace

bool IsBehind(const Row& row, const Cursor& cursor) {
  if (row.revision != cursor.revision) return row.revision > cursor.revision;
  return cursor.key.has_value() && row.key > *cursor.key;
}

void Ring::reset(Revision complete) {
  begin_ = end();
  entries_.clear();
  bytes_ = 0;
  ready_ = true;
  revision_ = complete;
  base_ = {.revision = complete};
  bookmarks_ = {Bookmark{.end = begin_, .revision = complete}};
}

void Ring::append(std::vector<SharedRow> rows) {
  for (SharedRow& row : rows) {
    const size_t bytes = BytesOf(*row);
    bytes_ += bytes;
    entries_.push_back({.row = std::move(row), .bytes = bytes});
  }
  shrink();
}

void Ring::complete(Revision revision) {
  revision_ = revision;
  if (!bookmarks_.empty() && bookmarks_.back().end == end()) {
    bookmarks_.back().revision = revision;
  } else {
    bookmarks_.push_back({.end = end(), .revision = revision});
  }
}

Revision Ring::last_appended() const {
  const Revision gone = std::max(revision_, base_.revision);
  return entries_.empty() ? gone : std::max(gone, entries_.back().row->revision);
}

void Ring::shrink() {
  while (entries_.size() > limits_.rows || (bytes_ > limits_.bytes && !entries_.empty())) {
    const Row& oldest = *entries_.front().row;
    base_ = {.revision = oldest.revision, .key = oldest.key};
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
    ++begin_;
  }
  while (!bookmarks_.empty() && bookmarks_.front().end < begin_) bookmarks_.pop_front();
}

bool Ring::covers(const Cursor& cursor) const { return ready_ && AtOrBehind(cursor, base_); }

uint64_t Ring::first_behind(const Cursor& cursor) const {
  const auto found =
      std::partition_point(entries_.begin(), entries_.end(),
                           [&cursor](const Entry& entry) { return !IsBehind(*entry.row, cursor); });
  return begin_ + static_cast<uint64_t>(found - entries_.begin());
}

// The first bookmark at or after an entry.
std::deque<Ring::Bookmark>::const_iterator Ring::bookmark_from(uint64_t number) const {
  return std::partition_point(bookmarks_.begin(), bookmarks_.end(),
                              [number](const Bookmark& b) { return b.end < number; });
}

// Whole sections between bookmarks while they fit; of the first one what fits.
Ring::Cut Ring::cut(uint64_t from, const Interest& interest, const ReadLimits& limits) const {
  Cut cut{.end = from};
  size_t wanted_whole = 0;
  std::optional<uint64_t> whole_end;
  KeySet keys;  // only once there are as many rows as may be: then it matters which are the same
  size_t bytes = 0;
  auto bookmark = bookmark_from(from + 1);
  for (; cut.end < end() && cut.end - from < limits.examined; ++cut.end) {
    const Row& row = *entry(cut.end).row;
    if (interest.matches(row.key)) {
      if (cut.wanted.size() == limits.rows) {
        for (const uint64_t number : cut.wanted) keys.insert(&entry(number).row->key);
      }
      const bool fits =
          cut.wanted.size() < limits.rows || keys.size() < limits.rows || keys.contains(&row.key);
      if (!cut.wanted.empty() && (!fits || bytes + BodyBytes(row) > limits.bytes)) break;
      if (!keys.empty()) keys.insert(&row.key);
      bytes += BodyBytes(row);
      cut.wanted.push_back(cut.end);
    }
    if (bookmark != bookmarks_.end() && bookmark->end == cut.end + 1) {
      whole_end = cut.end + 1;
      wanted_whole = cut.wanted.size();
      ++bookmark;
    }
  }
  if (whole_end.has_value()) {
    cut.end = *whole_end;
    cut.wanted.resize(wanted_whole);
  }
  return cut;
}

std::vector<SharedRow> Ring::coalesce(const std::vector<uint64_t>& numbers) const {
  KeySet seen;
  std::vector<SharedRow> rows;
  rows.reserve(numbers.size());
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    const SharedRow& row = entry(*number).row;
    if (numbers.size() == 1 || seen.insert(&row->key).second) rows.push_back(row);
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

FeedBatch Ring::read(const Cursor& from, const Interest& interest, const ReadLimits& limits) const {
  HF_CHECK(covers(from)) << "a read behind the ring";
  const uint64_t start = first_behind(from);
  const Cut taken = cut(start, interest, limits);
  FeedBatch batch{.rows = coalesce(taken.wanted), .cursor = from};
  const auto bookmark = bookmark_from(taken.end);
  if (bookmark != bookmarks_.end() && bookmark->end == taken.end) {
    // A reader may be ahead: it has read the engine after the tailer did.
    if (bookmark->revision < from.revision) return batch;
    batch.cursor.revision = bookmark->revision;
    batch.cursor.key.reset();
    batch.bookmark = true;
  } else if (taken.end > start) {
    batch.cursor.revision = entry(taken.end - 1).row->revision;
    batch.cursor.key = entry(taken.end - 1).row->key;
  }
  return batch;
}

}  // namespace holdfast::feed
