// The last changes that the tailer has read, in order of revision (and of one revision as the
// engine gave them), with the places among them at which a reader's view is complete. Bounded: the
// oldest go.
//
// A reader needs nothing but its cursor: the ring is ordered, so a place is found by search. What
// its cursor carries besides (Cursor::snapshot) stays that of the last complete place it came by:
// if it has to leave the ring from between two, it gets some rows again. It can
// go on here if everything behind its cursor is still here, and the cursor is a whole revision or
// came from here. (A place within a revision that a page of the engine ended at is another matter:
// what had changed again by then was left out of the page, so the reader is complete only at that
// later state, not at the ring's next bookmark.)
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "holdfast/feed/feed.h"
#include "holdfast/storage/engine.h"

namespace holdfast::feed {

// shared_ptr: the ring and all readers hold the same rows.
using SharedRow = std::shared_ptr<const storage::Row>;

struct RingLimits {
  size_t rows = 0;
  size_t bytes = 0;
};

struct ReadLimits {
  size_t rows = 0;
  size_t bytes = 0;     // of bodies
  size_t examined = 0;  // interesting or not
};

// Not thread-safe.
class Ring {
 public:
  explicit Ring(RingLimits limits) : limits_(limits) {}

  // Empty, at a complete state. Must be called before anything else.
  void reset(storage::Cursor complete);
  [[nodiscard]] bool ready() const { return ready_; }
  // Empty, and not ready() until the next reset().
  void forget();

  // In order of revision, behind everything that is here.
  void append(std::vector<SharedRow> rows);
  // With what has been appended the state at this place is whole.
  void complete(storage::Cursor place);

  // The last complete state.
  [[nodiscard]] Revision revision() const { return place_.revision; }
  [[nodiscard]] const storage::Cursor& place() const { return place_; }
  // The last complete state in the ring before `revision`; nullptr: none.
  [[nodiscard]] const storage::Cursor* place_before(Revision revision) const;
  // The last revision of which some rows have been appended.
  [[nodiscard]] Revision last_appended() const;
  [[nodiscard]] size_t rows() const { return entries_.size(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

  // Whether every change behind the cursor is here, or will be appended.
  [[nodiscard]] bool covers(const storage::Cursor& cursor) const;

  // What is behind the cursor, coalesced, up to a complete state if the limits allow. No rows and
  // no bookmark, but another cursor: there is more to look at. covers(from) must hold.
  [[nodiscard]] FeedBatch read(const storage::Cursor& from, const Interest& interest,
                               const ReadLimits& limits) const;

 private:
  struct Entry {
    SharedRow row;
    size_t bytes;
  };
  // Every entry before `end` is part of the state at `place`. Entries are numbered from the
  // beginning of time, not from the ring's.
  struct Bookmark {
    uint64_t end;
    storage::Cursor place;
  };
  // What one read takes: up to entry `end`, and of it these.
  struct Cut {
    uint64_t end = 0;
    std::vector<uint64_t> wanted;
  };

  [[nodiscard]] const Entry& entry(uint64_t number) const { return entries_[number - begin_]; }
  [[nodiscard]] uint64_t end() const { return begin_ + entries_.size(); }
  [[nodiscard]] std::optional<uint64_t> first_behind(const storage::Cursor& cursor) const;
  [[nodiscard]] std::deque<Bookmark>::const_iterator bookmark_from(uint64_t number) const;
  [[nodiscard]] Cut cut(uint64_t from, const Interest& interest, const ReadLimits& limits) const;
  [[nodiscard]] std::vector<SharedRow> coalesce(const std::vector<uint64_t>& numbers) const;
  void shrink();

  RingLimits limits_;
  bool ready_ = false;
  storage::Cursor place_;
  // Changes up to here aren't in the ring: (revision, key); no key: the whole revision.
  storage::Cursor base_;
  uint64_t begin_ = 0;
  std::deque<Entry> entries_;
  size_t bytes_ = 0;
  std::deque<Bookmark> bookmarks_;  // in order, one for each `end`
};

}  // namespace holdfast::feed
