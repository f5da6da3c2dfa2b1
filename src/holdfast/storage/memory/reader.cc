#include "holdfast/storage/memory/reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::storage::memory {
namespace {

size_t PageSize(size_t limit) { return std::clamp<size_t>(limit, 1, kMaxPage); }

size_t BodyBytes(const Row& row) { return row.body.has_value() ? row.body->size() : 0; }

bool Has(uint32_t mask, OnDelete behavior) {
  return (mask & 1u << static_cast<int>(behavior)) != 0;
}

// Collects one page of rows and knows where the next one starts.
class RowPage {
 public:
  RowPage(size_t limit, size_t max_bytes, Fields fields)
      : limit_(PageSize(limit)), max_bytes_(max_bytes), fields_(fields) {}

  // Returns false if it didn't fit: the page is full.
  bool add(const Row& row) {
    const size_t bytes = fields_ == Fields::kAll ? BodyBytes(row) : 0;
    const bool fits = rows_.empty() || (rows_.size() < limit_ && bytes_ + bytes <= max_bytes_);
    if (!fits) return false;
    bytes_ += bytes;
    rows_.push_back(fields_ == Fields::kAll ? row : ShadowOf(row));
    return true;
  }

  [[nodiscard]] std::vector<Row> take() { return std::move(rows_); }

 private:
  size_t limit_;
  size_t max_bytes_;
  Fields fields_;
  size_t bytes_ = 0;
  std::vector<Row> rows_;
};

// One run of a ScanQuery over the key ranges that it names.
class Scan {
 public:
  Scan(const Tables& tables, Revision at, const ScanQuery& query)
      : tables_(tables),
        at_(at),
        query_(query),
        page_(query.limit, query.max_bytes, query.fields) {}

  [[nodiscard]] ScanPage run() {
    if (query_.kinds.empty()) {
      for (std::optional<KindName> kind = first_kind(KindName()); kind.has_value() && !full_;) {
        scan_kind(*kind);
        kind = first_kind(KindName(kind->str() + '\0'));
      }
    }
    const std::set<KindName> kinds(query_.kinds.begin(), query_.kinds.end());
    for (const KindName& kind : kinds) {
      if (!full_) scan_kind(kind);
    }
    ScanPage result{.rows = page_.take()};
    if (full_) result.next = last_;
    return result;
  }

 private:
  // The first kind that has rows, from `from` on.
  [[nodiscard]] std::optional<KindName> first_kind(const KindName& from) const {
    std::optional<KindName> found;
    tables_.rows.visit({.kind = from}, at_, [&found](const ResourceKey& key, const Row& /*row*/) {
      found = key.kind;
      return false;
    });
    return found;
  }

  void scan_kind(const KindName& kind) {
    ResourceKey from{.kind = kind, .name = ResourceName(query_.name_prefix)};
    if (query_.after.has_value()) from = std::max(from, *query_.after);
    tables_.rows.visit(from, at_, [&](const ResourceKey& key, const Row& row) {
      if (key.kind != kind || !key.name.str().starts_with(query_.name_prefix)) return false;
      if (query_.after.has_value() && key <= *query_.after) return true;
      return examine(row);
    });
  }

  bool examine(const Row& row) {
    const bool wanted = row.state != RowState::kGone || query_.tombstones == Tombstones::kInclude;
    full_ = examined_ == std::max<size_t>(query_.max_examined, 1) || (wanted && !page_.add(row));
    if (full_) return false;
    ++examined_;
    last_ = row.key;
    return true;
  }

  const Tables& tables_;
  Revision at_;
  const ScanQuery& query_;
  RowPage page_;
  size_t examined_ = 0;
  bool full_ = false;
  std::optional<ResourceKey> last_;
};

bool Wanted(const Row& row, const DutyQuery& query) {
  if (query.state.has_value() && row.state != *query.state) return false;
  if (query.round.has_value() && row.round != *query.round) return false;
  return query.pending == 0 || (row.pending & query.pending) != 0;
}

absl::Status TooOld(std::string_view why) {
  return MakeError(
      Reason::kResumeTooOld,
      absl::StrCat("the feed can't go on from here: ", ToAbsl(why), "; read everything again"));
}

}  // namespace

std::vector<std::optional<Row>> Reader::get(const std::vector<ResourceKey>& keys,
                                            Fields fields) const {
  std::vector<std::optional<Row>> rows;
  rows.reserve(keys.size());
  for (const ResourceKey& key : keys) {
    const Row* row = tables_.rows.find(key, at_);
    if (row == nullptr) {
      rows.emplace_back(std::nullopt);
    } else {
      rows.emplace_back(fields == Fields::kAll ? *row : ShadowOf(*row));
    }
  }
  return rows;
}

ScanPage Reader::scan(const ScanQuery& query) const { return Scan(tables_, at_, query).run(); }

ScanPage Reader::duties(const DutyQuery& query) const {
  RowPage page(query.limit, kMaxPageBytes, Fields::kAll);
  ScanPage result;
  std::optional<ResourceKey> last;
  tables_.duties.visit(query.after.value_or(ResourceKey()), at_, [&](const ResourceKey& key, bool) {
    const Row& row = *tables_.rows.find(key, at_);
    if ((query.after.has_value() && key <= *query.after) || !Wanted(row, query)) return true;
    if (!page.add(row)) {
      result.next = last;
      return false;
    }
    last = key;
    return true;
  });
  result.rows = page.take();
  return result;
}

InboundPage Reader::inbound(const InboundQuery& query) const {
  EdgeKey from(query.target, {}, {});
  if (query.after.has_value()) from = {query.target, query.after->source, query.after->field};
  InboundPage page;
  tables_.edges.visit(from, at_, [&](const EdgeKey& key, OnDelete behavior) {
    const auto& [target, source, field] = key;
    if (target != query.target) return false;
    if (!Has(query.behaviors, behavior) || (query.after.has_value() && key == from)) return true;
    if (page.edges.size() == PageSize(query.limit)) {
      page.next = page.edges.back();
      return false;
    }
    page.edges.push_back(
        {.target = target, .source = source, .field = field, .behavior = behavior});
    return true;
  });
  return page;
}

int64_t Reader::count_inbound(const ResourceKey& target, uint32_t behaviors) const {
  int64_t count = 0;
  tables_.edges.visit(EdgeKey(target, {}, {}), at_, [&](const EdgeKey& key, OnDelete behavior) {
    if (std::get<0>(key) != target) return false;
    if (Has(behaviors, behavior)) ++count;
    return true;
  });
  return count;
}

std::vector<std::optional<Claim>> Reader::get_claims(const std::vector<ClaimKey>& keys) const {
  std::vector<std::optional<Claim>> claims;
  claims.reserve(keys.size());
  for (const ClaimKey& key : keys) {
    const Claim* claim = tables_.claims.find(key, at_);
    claims.push_back(claim == nullptr ? std::nullopt : std::optional(*claim));
  }
  return claims;
}

std::vector<Claim> Reader::claims(const ClaimQuery& query) const {
  ClaimKey from{.type = query.type, .target = query.target.value_or(ResourceKey())};
  if (query.after.has_value()) from = std::max(from, *query.after);
  std::vector<Claim> claims;
  tables_.claims.visit(from, at_, [&](const ClaimKey& key, const Claim& claim) {
    if (key.type != query.type || claims.size() == PageSize(query.limit)) return false;
    if (query.target.has_value() && key.target != *query.target) return false;
    if (!query.after.has_value() || key > *query.after) claims.push_back(claim);
    return true;
  });
  return claims;
}

std::vector<Claim> Reader::due_claims(ClaimType type, Timestamp by, size_t limit) const {
  std::vector<Claim> claims;
  const DueKey from(type, Timestamp(std::numeric_limits<int64_t>::min()), ClaimKey());
  tables_.due_claims.visit(from, at_, [&](const DueKey& due, bool) {
    const auto& [of, at, key] = due;
    if (of != type || at > by || claims.size() == PageSize(limit)) return false;
    claims.push_back(*tables_.claims.find(key, at_));
    return true;
  });
  return claims;
}

std::vector<LimitRow> Reader::limits(const std::optional<LimitKey>& after, size_t limit) const {
  std::vector<LimitRow> rows;
  tables_.limits.visit(after.value_or(LimitKey()), at_,
                       [&](const LimitKey& key, const LimitRow& row) {
                         if (after.has_value() && key <= *after) return true;
                         if (rows.size() == PageSize(limit)) return false;
                         rows.push_back(row);
                         return true;
                       });
  return rows;
}

absl::StatusOr<FeedPage> Reader::feed(const Cursor& from, size_t limit,
                                      const std::string& incarnation, Revision floor) const {
  if (from.incarnation != incarnation) return TooOld("it is a place in another database");
  if (from.revision > at_) return TooOld("the database hasn't got that far");
  // Within a revision some of its own tombstones may still be to come.
  const Revision seen_whole(from.key.has_value() ? from.revision.value() - 1
                                                 : from.revision.value());
  if (seen_whole < floor) return TooOld("deletions since then have been forgotten");

  RowPage page(limit, kMaxPageBytes, Fields::kAll);
  FeedPage result{.next = {.incarnation = incarnation, .revision = at_}, .complete = true};
  const auto start = from.key.has_value()
                         ? tables_.changes.upper_bound(std::pair(from.revision, *from.key))
                         : tables_.changes.lower_bound(
                               std::pair(Revision(from.revision.value() + 1), ResourceKey()));
  Cursor last = from;
  for (auto change = start; change != tables_.changes.end() && change->first <= at_; ++change) {
    const Row* row = tables_.rows.find(change->second, at_);
    if (row == nullptr || row->revision != change->first) continue;  // changed again since
    if (!page.add(*row)) {
      result.next = last;
      result.complete = false;
      break;
    }
    last.revision = row->revision;
    last.key = row->key;
  }
  result.rows = page.take();
  return result;
}

}  // namespace holdfast::storage::memory
