// Which transactions a snapshot of PostgreSQL has seen, and the text that a place in the feed
// carries of it. docs/design/feed.md says why a number isn't enough.
//
// Places are cut at the newest transaction whose work is visible in our tables: its commit is on
// the disk. What is beyond may have left no trace there (an aborted transaction, or one of another
// program that doesn't wait for the disk), so that a server which comes up after a crash gives its
// id out again, and a place that counted it as seen would never be told of the second one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage::sql {

using Xid = uint64_t;  // PostgreSQL's xid8: never wraps around

// Everything below `top` is over, but for the running ones.
struct Seen {
  Xid top = 1;
  std::vector<Xid> running;  // ascending, below top

  [[nodiscard]] bool contains(Xid xid) const;
  [[nodiscard]] bool includes(const Seen& other) const;
  // Of the same, those below `end`.
  [[nodiscard]] Seen below(Xid end) const;
  // How many are over. Of two snapshots of one server the later one has more, or they are the same.
  [[nodiscard]] int64_t count() const;

  friend bool operator==(const Seen&, const Seen&) = default;
};

// A pg_snapshot: "xmin:xmax:xip,…". nullopt if it is none.
[[nodiscard]] std::optional<Seen> SeenOfSnapshot(std::string_view pg_snapshot);

// What Cursor::snapshot holds.
struct SeenPlace {
  // Of the server: a promoted standby begins a new one, and may know less than has been read.
  std::string timeline;
  Seen seen;
  // Of this transaction, which isn't in `seen`, the rows up to Cursor::key. 0: of none.
  Xid within = 0;

  friend bool operator==(const SeenPlace&, const SeenPlace&) = default;
};

// So many running transactions fit into a place (kMaxCursorSnapshot): each of them writes, and has
// a connection of its own.
inline constexpr size_t kMaxRunningSeen = 1000;

[[nodiscard]] std::string SeenPlaceText(const SeenPlace& place);
// nullopt: not made by SeenPlaceText.
[[nodiscard]] std::optional<SeenPlace> ParseSeenPlace(std::string_view text);

// The place, or with more running transactions than fit an earlier one: some rows come again.
[[nodiscard]] SeenPlace FittingPlace(SeenPlace place);

}  // namespace holdfast::storage::sql
