#include "holdfast/storage/sql/seen.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/strings.h"

namespace holdfast::storage::sql {
namespace {

// 0 is no transaction: nullopt.
std::optional<Xid> ParseXid(absl::string_view text) {
  Xid xid = 0;
  if (!absl::SimpleAtoi(text, &xid) || xid == 0) return std::nullopt;
  return xid;
}

bool IsSound(const Seen& seen) {
  const auto not_ascending = [](Xid a, Xid b) { return a >= b; };
  return std::adjacent_find(seen.running.begin(), seen.running.end(), not_ascending) ==
             seen.running.end() &&
         (seen.running.empty() || seen.running.back() < seen.top);
}

std::vector<absl::string_view> Items(absl::string_view list) {
  return absl::StrSplit(list, ',', absl::SkipEmpty());
}

}  // namespace

bool Seen::contains(Xid xid) const {
  return xid < top && !std::binary_search(running.begin(), running.end(), xid);
}

bool Seen::includes(const Seen& other) const {
  return other.top <= top && std::all_of(running.begin(), running.end(), [&other](Xid xid) {
           return xid >= other.top || !other.contains(xid);
         });
}

Seen Seen::below(Xid end) const {
  if (end >= top) return *this;
  return {.top = end,
          .running = {running.begin(), std::lower_bound(running.begin(), running.end(), end)}};
}

int64_t Seen::count() const { return static_cast<int64_t>(top - running.size()); }

std::optional<Seen> SeenOfSnapshot(std::string_view pg_snapshot) {
  const std::vector<absl::string_view> parts = absl::StrSplit(ToAbsl(pg_snapshot), ':');
  if (parts.size() != 3) return std::nullopt;
  const std::optional<Xid> top = ParseXid(parts[1]);
  if (!ParseXid(parts[0]).has_value() || !top.has_value()) return std::nullopt;
  Seen seen{.top = *top, .running = {}};
  for (const absl::string_view item : Items(parts[2])) {
    const std::optional<Xid> xid = ParseXid(item);
    if (!xid.has_value()) return std::nullopt;
    seen.running.push_back(*xid);
  }
  if (!IsSound(seen)) return std::nullopt;
  return seen;
}

// "<timeline>:<top>:<distances from top downwards, each from the one before>[:<within>]": running
// transactions are near each other, so a thousand of them are a few kilobytes.
std::string SeenPlaceText(const SeenPlace& place) {
  std::string text = absl::StrCat(place.timeline, ":", place.seen.top, ":");
  Xid last = place.seen.top;
  for (auto xid = place.seen.running.rbegin(); xid != place.seen.running.rend(); ++xid) {
    absl::StrAppend(&text, last == place.seen.top ? "" : ",", last - *xid);
    last = *xid;
  }
  if (place.within != 0) absl::StrAppend(&text, ":", place.within);
  return text;
}

std::optional<SeenPlace> ParseSeenPlace(std::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(ToAbsl(text), ':');
  if (parts.size() < 3 || parts.size() > 4) return std::nullopt;
  const std::optional<Xid> top = ParseXid(parts[1]);
  if (!top.has_value()) return std::nullopt;
  SeenPlace place{.timeline = std::string(parts[0]), .seen = {.top = *top, .running = {}}};
  Xid last = *top;
  for (const absl::string_view item : Items(parts[2])) {
    const std::optional<Xid> distance = ParseXid(item);
    if (!distance.has_value() || *distance >= last) return std::nullopt;
    last -= *distance;
    place.seen.running.push_back(last);
  }
  std::reverse(place.seen.running.begin(), place.seen.running.end());
  if (parts.size() == 3) return place;
  const std::optional<Xid> within = ParseXid(parts[3]);
  if (!within.has_value() || place.seen.contains(*within)) return std::nullopt;
  place.within = *within;
  return place;
}

SeenPlace FittingPlace(SeenPlace place) {
  if (place.seen.running.size() <= kMaxRunningSeen) return place;
  place.seen = place.seen.below(place.seen.running[kMaxRunningSeen]);
  return place;
}

}  // namespace holdfast::storage::sql
