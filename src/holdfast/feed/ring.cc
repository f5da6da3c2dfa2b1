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

}  // namespace

void Ring::reset(Cursor complete) {
  begin_ = end();
  entries_.clear();
  ready_ = true;
  place_ = std::move(complete);
  bytes_ = place_.snapshot.size();
  base_ = place_;
  bookmarks_ = {Bookmark{.end = begin_, .place = place_}};
}

void Ring::forget() {
  reset(std::move(place_));
  ready_ = false;
}

void Ring::append(std::vector<SharedRow> rows) {
  for (SharedRow& row : rows) {
    const size_t bytes = BytesOf(*row);
    bytes_ += bytes;
    entries_.push_back({.row = std::move(row), .bytes = bytes});
  }
  shrink();
}

void Ring::complete(Cursor place) {
  place_ = std::move(place);
  if (!bookmarks_.empty() && bookmarks_.back().end == end()) {
    bytes_ -= bookmarks_.back().place.snapshot.size();
    bookmarks_.pop_back();
  }
  bytes_ += place_.snapshot.size();
  bookmarks_.push_back({.end = end(), .place = place_});
  shrink();
}

const Cursor* Ring::place_before(Revision revision) const {
  const auto found =
      std::partition_point(bookmarks_.begin(), bookmarks_.end(),
                           [revision](const Bookmark& b) { return b.place.revision < revision; });
  return found == bookmarks_.begin() ? nullptr : &std::prev(found)->place;
}

Revision Ring::last_appended() const {
  const Revision gone = std::max(place_.revision, base_.revision);
  return entries_.empty() ? gone : std::max(gone, entries_.back().row->revision);
}

void Ring::shrink() {
  while (entries_.size() > limits_.rows || (bytes_ > limits_.bytes && !entries_.empty())) {
    const Row& oldest = *entries_.front().row;
    base_ = {.revision = oldest.revision, .key = oldest.key};
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
    ++begin_;
    while (!bookmarks_.empty() && bookmarks_.front().end < begin_) {
      bytes_ -= bookmarks_.front().place.snapshot.size();
      bookmarks_.pop_front();
    }
  }
}

bool Ring::covers(const Cursor& cursor) const {
  return ready_ && cursor.revision >= base_.revision && first_behind(cursor).has_value();
}

// nullopt: within a revision, behind a row that isn't here. Only rows of one revision are looked
// through for it: the engine may give them in any order.
std::optional<uint64_t> Ring::first_behind(const Cursor& cursor) const {
  const auto first = std::partition_point(
      entries_.begin(), entries_.end(),
      [&cursor](const Entry& entry) { return entry.row->revision < cursor.revision; });
  const auto last = std::partition_point(first, entries_.end(), [&cursor](const Entry& entry) {
    return entry.row->revision == cursor.revision;
  });
  auto behind = last;
  if (cursor.key.has_value()) {
    const auto found = std::find_if(
        first, last, [&cursor](const Entry& entry) { return entry.row->key == *cursor.key; });
    if (found != last) {
      behind = std::next(found);
    } else if (cursor.revision == base_.revision && cursor.key == base_.key) {
      behind = first;
    } else {
      return std::nullopt;
    }
  }
  return begin_ + static_cast<uint64_t>(behind - entries_.begin());
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
  const std::optional<uint64_t> behind = first_behind(from);
  HF_CHECK(covers(from) && behind.has_value()) << "a read behind the ring";
  const uint64_t start = *behind;
  const Cut taken = cut(start, interest, limits);
  FeedBatch batch{.rows = coalesce(taken.wanted), .cursor = from};
  const auto bookmark = bookmark_from(taken.end);
  if (bookmark != bookmarks_.end() && bookmark->end == taken.end) {
    // A reader may be ahead: it has read the engine after the tailer did.
    if (bookmark->place.revision < from.revision) return batch;
    batch.cursor = bookmark->place;
    batch.bookmark = true;
  } else if (taken.end > start) {
    batch.cursor.revision = entry(taken.end - 1).row->revision;
    batch.cursor.key = entry(taken.end - 1).row->key;
  }
  return batch;
}

}  // namespace holdfast::feed
