// The feed of a SqlSnapshot. docs/design/feed.md says why it is right.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/row_page.h"
#include "holdfast/storage/sql/sql_snapshot.h"

namespace holdfast::storage::sql {
namespace {

absl::Status TooOld(std::string_view why) {
  return MakeError(
      Reason::kResumeTooOld,
      absl::StrCat("the feed can't go on from here: ", ToAbsl(why), "; read everything again"));
}

Xid ToXid(const batch::Value& value) { return static_cast<Xid>(ToNumber(value)); }
batch::Value XidBind(Xid xid) { return Text(absl::StrCat(xid)); }

// A row of a feed query, with its key in front.
Row ToKeyedRow(batch::Row& columns) {
  ResourceKey key{KindName(ToText(std::move(columns[0]))),
                  ResourceName(ToText(std::move(columns[1])))};
  return ToRow(std::move(key), columns, 2, Fields::kAll);
}

// What is left to read behind a place: whole writers, the lowest perhaps from a row on.
struct Unread {
  std::vector<Xid> late;  // ascending: were running at the place, and are over
  Xid top = 0;            // and all from here on
  Xid within = 0;         // of this one, the lowest, only what is behind `key`. 0: none
  ResourceKey key;

  Unread(const SeenPlace& place, const std::optional<ResourceKey>& behind, const Seen& now)
      : top(place.seen.top) {
    for (const Xid xid : place.seen.running) {
      if (now.contains(xid)) late.push_back(xid);
    }
    // What has finished below it meanwhile comes first: then all of it comes once more.
    const bool lowest = late.empty() || late.front() >= place.within;
    if (place.within != 0 && lowest && behind.has_value()) go_on_behind(place.within, *behind);
  }

  void go_on_behind(Xid writer, ResourceKey row) {
    late.erase(late.begin(), std::lower_bound(late.begin(), late.end(), writer));
    top = std::max(top, writer);
    within = writer;
    key = std::move(row);
  }

  [[nodiscard]] batch::Row binds(size_t limit) const {
    return {Text(absl::StrCat("{", absl::StrJoin(late, ","), "}")),
            XidBind(top),
            XidBind(within),
            Text(key.kind.str()),
            Text(key.name.str()),
            Number(static_cast<int64_t>(limit))};
  }
};

}  // namespace

Cursor SqlSnapshot::place() const {
  Cursor place{.incarnation = context_.incarnation, .revision = revision_};
  if (context_.dialect.feed_by == Dialect::FeedBy::kSnapshot) {
    place.snapshot = SeenPlaceText(FittingPlace(place_));
  }
  return place;
}

absl::Status SqlSnapshot::take_head(batch::Row& head) {
  if (context_.dialect.feed_by == Dialect::FeedBy::kRevision) {
    revision_ = Revision(ToNumber(head[0]));
    floor_ = Revision(ToNumber(head[1]));
    return absl::OkStatus();
  }
  std::optional<Seen> seen = SeenOfSnapshot(ToText(std::move(head[0])));
  if (!seen.has_value()) return MakeError(Reason::kInternal, "the snapshot isn't PostgreSQL's");
  seen_ = *std::move(seen);
  revision_ = Revision(seen_.count() + ToNumber(head[2]));
  purge_floor_ = ToXid(head[3]);
  last_purge_ = ToXid(head[4]);
  const Xid newest = std::max(ToXid(head[5]), last_purge_);
  place_ = {.timeline = ToText(std::move(head[1])), .seen = seen_.below(newest + 1)};
  return absl::OkStatus();
}

Task<absl::StatusOr<FeedPage>> SqlSnapshot::feed(Cursor from, size_t limit) {
  if (context_.dialect.feed_by == Dialect::FeedBy::kRevision) {
    return feed_by_revision(std::move(from), limit);
  }
  return feed_by_snapshot(std::move(from), limit);
}

// --- by revision
// ----------------------------------------------------------------------------------

absl::Status SqlSnapshot::check_revision(const Cursor& from) const {
  if (from.incarnation != context_.incarnation) return TooOld("it is a place in another database");
  if (from.revision > revision_) return TooOld("the database hasn't got that far");
  // Within a revision some of its own tombstones may still be to come.
  const Revision seen_whole(from.key.has_value() ? from.revision.value() - 1
                                                 : from.revision.value());
  if (seen_whole < floor_) return TooOld("deletions since then have been forgotten");
  return absl::OkStatus();
}

Task<absl::StatusOr<FeedPage>> SqlSnapshot::feed_by_revision(Cursor from, size_t limit) {
  HF_CO_RETURN_IF_ERROR(check_revision(from));
  RowPage page({.limit = limit});
  Cursor last = from;
  for (bool more = true; more && !page.full();) {
    const size_t chunk = page.chunk();
    const int64_t whole = last.key.has_value() ? 0 : 1;
    const ResourceKey behind = last.key.value_or(ResourceKey());
    batch::Row binds = {Number(last.revision.value() + whole), Text(behind.kind.str()),
                        Text(behind.name.str()), Number(static_cast<int64_t>(chunk))};
    HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                           co_await rows(context_.dialect.feed, std::move(binds), chunk));
    more = found.size() == chunk;
    for (batch::Row& columns : found) {
      Row row = ToKeyedRow(columns);
      const Cursor here{.incarnation = {}, .revision = row.revision, .key = row.key};
      if (!page.examine(std::move(row))) break;
      last.revision = here.revision;
      last.key = here.key;
    }
  }
  FeedPage answer{.next = place(), .complete = !page.full()};
  if (page.full()) answer.next = std::move(last);
  answer.rows = std::move(page.rows());
  co_return answer;
}

// --- by snapshot
// ----------------------------------------------------------------------------------

absl::StatusOr<SeenPlace> SqlSnapshot::start_of(const Cursor& from) const {
  if (from.incarnation != context_.incarnation) return TooOld("it is a place in another database");
  SeenPlace place{.timeline = place_.timeline};
  if (!from.snapshot.empty()) {
    std::optional<SeenPlace> parsed = ParseSeenPlace(from.snapshot);
    if (!parsed.has_value()) return TooOld("it is no place in this database");
    place = *std::move(parsed);
  } else if (from.revision != Revision()) {
    return TooOld("it is no place in this database");
  }
  // What the old primary had shown, and not handed over, the new one will never tell; and it may
  // give the same ids to others.
  if (place.timeline != place_.timeline) return TooOld("the database has failed over since");
  if (!seen_.includes(place.seen)) return TooOld("the database hasn't got that far");
  if (!forgets_nothing_behind(place)) return TooOld("deletions since then have been forgotten");
  if (from.revision > revision_) {
    // The place is good, only its number isn't: the next snapshot's will be above it.
    RaiseTo(context_.highest, from.revision);
    return MakeError(Reason::kDatabaseUnavailable, "the database came up after a crash; go on");
  }
  return place;
}

// Every purge before the last one had been seen when that one had. Who hasn't seen it may have
// missed what it took: the tombstones of writers up to the floor.
bool SqlSnapshot::forgets_nothing_behind(const SeenPlace& place) const {
  if (last_purge_ == 0 || place.seen.contains(last_purge_)) return true;
  if (purge_floor_ >= place.seen.top) return false;
  return std::none_of(place.seen.running.begin(), place.seen.running.end(),
                      [this](Xid xid) { return xid <= purge_floor_ && seen_.contains(xid); });
}

Task<absl::StatusOr<FeedPage>> SqlSnapshot::feed_by_snapshot(Cursor from, size_t limit) {
  HF_CO_ASSIGN_OR_RETURN(const SeenPlace start, start_of(from));
  RowPage page({.limit = limit});
  Unread unread(start, from.key, seen_);
  for (bool more = start != place_; more && !page.full();) {
    const size_t chunk = page.chunk();
    batch::Row binds = unread.binds(chunk);
    HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                           co_await rows(context_.dialect.feed, std::move(binds), chunk));
    more = found.size() == chunk;
    for (batch::Row& columns : found) {
      Row row = ToKeyedRow(columns);
      const auto writer = static_cast<Xid>(row.revision.value());
      row.revision = revision_;
      ResourceKey key = row.key;
      if (!page.examine(std::move(row))) break;
      unread.go_on_behind(writer, std::move(key));
    }
  }
  co_return end_page(start, unread.within, page);
}

absl::StatusOr<FeedPage> SqlSnapshot::end_page(const SeenPlace& from, Xid last, RowPage& page) {
  FeedPage answer{.next = place(), .complete = !page.full()};
  if (page.full()) {
    SeenPlace next{.timeline = place_.timeline, .within = last};
    if (last >= from.seen.top) {
      next.seen = seen_.below(last);
    } else {
      // Of those who were running, what is below is read now.
      next.seen.top = from.seen.top;
      for (const Xid xid : from.seen.running) {
        if (xid >= last || !seen_.contains(xid)) next.seen.running.push_back(xid);
      }
    }
    if (next.seen.running.size() > kMaxRunningSeen) {
      return MakeError(Reason::kDatabaseUnavailable,
                       absl::StrCat("more than ", kMaxRunningSeen, " transactions are running"));
    }
    answer.next.key = page.last();
    answer.next.snapshot = SeenPlaceText(next);
  }
  answer.rows = std::move(page.rows());
  return answer;
}

}  // namespace holdfast::storage::sql
