#include "holdfast/storage/sql/sql_snapshot.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/row_page.h"

namespace holdfast::storage::sql {
namespace {

// Behind every name: the last code point, which no name begins with.
constexpr const char* kEndOfNames = "\xF4\x8F\xBF\xBF";

// Of one database; a service has dozens.
constexpr size_t kMaxKinds = 100'000;

size_t PageSize(size_t limit) { return std::clamp<size_t>(limit, 1, kMaxPage); }

// Where one kind's part of a scan goes on.
struct NameRange {
  std::string from;
  std::string but_not;  // this one was the last
  std::string end;

  NameRange(const ScanQuery& query, const KindName& kind)
      : from(query.name_prefix), end(PrefixEnd(query.name_prefix)) {
    if (end.empty()) end = kEndOfNames;
    if (!query.after.has_value() || query.after->kind != kind) return;
    if (query.after->name.str() >= from) go_on_behind(query.after->name);
  }
  void go_on_behind(const ResourceName& name) { from = but_not = name.str(); }
};

// The conditions that the index can use: equalities on its first paths, then perhaps ranges on the
// next one.
Matching MatchingOf(int64_t kind, const FieldIndex& index,
                    const std::vector<filter::IndexCondition>& conditions) {
  using Op = filter::IndexCondition::Op;
  Matching matching{.kind = kind, .index = index, .conditions = {}};
  for (const std::string& path : index.paths) {
    bool equal = false;
    for (const filter::IndexCondition& condition : conditions) {
      if (condition.path != path) continue;
      matching.conditions.push_back(condition);
      equal = equal || condition.op == Op::kEqual;
    }
    if (!equal) break;
  }
  return matching;
}

// Rows come from the index in order of name if each of its fields has one value.
bool InNameOrder(const Matching& matching) {
  std::set<std::string_view> equal;
  for (const filter::IndexCondition& condition : matching.conditions) {
    if (condition.op == filter::IndexCondition::Op::kEqual) equal.insert(condition.path);
  }
  return equal.size() == matching.index.paths.size();
}

}  // namespace

Task<absl::StatusOr<std::unique_ptr<Snapshot>>> SqlSnapshot::Begin(
    Context context, std::unique_ptr<batch::ReadSnapshot> reader,
    std::shared_ptr<const NameIds> known, Names& names) {
  const size_t kinds_before = known->kinds.size();
  std::unique_ptr<SqlSnapshot> snapshot(
      new SqlSnapshot(context, std::move(reader), std::move(known)));
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> head,
                         co_await snapshot->rows(context.dialect.head, {}, 1));
  if (head.size() != 1) co_return MakeError(Reason::kInternal, "the table `meta` is empty");
  HF_CO_RETURN_IF_ERROR(snapshot->take_head(head[0]));
  if (context.dialect.feed_by == Dialect::FeedBy::kSnapshot) {
    // Kinds only come: as many as were known before it, then it has just these.
    const auto kinds = static_cast<size_t>(ToNumber(head[0].back()));
    if (kinds != kinds_before) {
      HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> all,
                             co_await snapshot->rows(context.dialect.all_kinds, {}, kMaxKinds));
      snapshot->known_ = names.learn(std::move(all));
    }
  }
  co_return std::unique_ptr<Snapshot>(std::move(snapshot));
}

Task<absl::StatusOr<std::vector<batch::Row>>> SqlSnapshot::rows(const std::string& sql,
                                                                batch::Row binds, size_t max_rows) {
  return reader_->query(sql, std::move(binds), max_rows);
}

std::vector<KindName> SqlSnapshot::kinds_from(const KindName& first) const {
  std::vector<KindName> kinds;
  for (auto it = known_->kinds.lower_bound(first.str()); it != known_->kinds.end(); ++it) {
    kinds.emplace_back(it->first);
  }
  return kinds;
}

std::optional<int64_t> SqlSnapshot::kind_id(const KindName& kind) const {
  const auto it = known_->kinds.find(kind.str());
  if (it == known_->kinds.end()) return std::nullopt;
  return it->second;
}

Task<absl::StatusOr<std::vector<std::optional<Row>>>> SqlSnapshot::get(
    std::vector<ResourceKey> keys, Fields fields) {
  std::vector<batch::Row> binds;
  std::vector<size_t> asked;
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::optional<int64_t> kind = kind_id(keys[i].kind);
    if (!kind.has_value()) continue;
    binds.push_back({Number(*kind), Text(keys[i].name.str())});
    asked.push_back(i);
  }
  const Dialect& dialect = context_.dialect;
  const std::string& sql = fields == Fields::kAll ? dialect.get_row : dialect.see_row;
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::vector<batch::Row>> found,
                         co_await reader_->query_each(sql, std::move(binds), 1));
  std::vector<std::optional<Row>> answer(keys.size());
  for (size_t i = 0; i < asked.size(); ++i) {
    if (found[i].empty()) continue;
    answer[asked[i]] = ToRow(std::move(keys[asked[i]]), found[i][0], 0, fields);
  }
  co_return answer;
}

Task<absl::StatusOr<ScanPage>> SqlSnapshot::scan(ScanQuery query) {
  RowPage page({.limit = query.limit,
                .max_bytes = query.max_bytes,
                .max_examined = query.max_examined,
                .fields = query.fields,
                .tombstones = query.tombstones});
  const KindName first = query.after.has_value() ? query.after->kind : KindName();
  std::vector<KindName> kinds = query.kinds.empty() ? kinds_from(first) : query.kinds;
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  for (const KindName& kind : kinds) {
    if (page.full()) break;
    if (kind >= first) HF_CO_RETURN_IF_ERROR(co_await scan_kind(query, kind, page));
  }
  co_return page.take();
}

Task<absl::Status> SqlSnapshot::scan_kind(const ScanQuery& query, KindName kind, RowPage& page) {
  const std::optional<int64_t> id = kind_id(kind);
  if (!id.has_value()) co_return absl::OkStatus();
  const Dialect& dialect = context_.dialect;
  std::string sql = query.fields == Fields::kAll ? dialect.scan_rows : dialect.scan_shadows;
  batch::Row values;
  HF_CO_RETURN_IF_ERROR(co_await use_index(query, *id, sql, values));
  NameRange range(query, kind);
  for (;;) {
    const size_t chunk = page.chunk();
    batch::Row binds = {Number(*id), Text(range.from), Text(range.but_not), Text(range.end),
                        Number(static_cast<int64_t>(chunk))};
    binds.insert(binds.end(), values.begin(), values.end());
    HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                           co_await rows(sql, std::move(binds), chunk));
    for (batch::Row& columns : found) {
      ResourceKey key{kind, ResourceName(ToText(std::move(columns[0])))};
      if (!page.examine(ToRow(std::move(key), columns, 1, query.fields))) {
        co_return absl::OkStatus();
      }
    }
    if (found.size() < chunk) co_return absl::OkStatus();
    range.go_on_behind(page.last()->name);
  }
}

// An index over a range doesn't give names in order: they must be sorted, all of them for each
// page. That is done only for as many as a page may look at anyway.
Task<absl::Status> SqlSnapshot::use_index(const ScanQuery& query, int64_t kind, std::string& sql,
                                          batch::Row& values) {
  const auto indexes = context_.indexes.find(kind);
  if (query.conditions.empty() || indexes == context_.indexes.end()) co_return absl::OkStatus();
  const Dialect& dialect = context_.dialect;
  // Parameters 1 to 5 are the range's.
  constexpr size_t kOwn = 5;
  for (const FieldIndex& index : indexes->second) {
    const Matching matching = MatchingOf(kind, index, query.conditions);
    if (matching.conditions.empty()) continue;
    bool use = InNameOrder(matching);
    if (!use) {
      batch::Row count_binds;
      const std::string count =
          dialect.count_matching(matching, query.max_examined + 1, count_binds);
      HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> counted,
                             co_await rows(count, std::move(count_binds), 1));
      use = ToNumber(counted[0][0]) <= static_cast<int64_t>(query.max_examined);
    }
    if (!use) continue;
    batch::Row binds(kOwn);
    sql = dialect.scan_matching(matching, query.fields, binds);
    values.assign(binds.begin() + kOwn, binds.end());
    co_return absl::OkStatus();
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<ScanPage>> SqlSnapshot::duties(DutyQuery query) {
  RowPage page({.limit = query.limit});
  const KindName first = query.after.has_value() ? query.after->kind : KindName();
  for (const KindName& kind : kinds_from(first)) {
    if (page.full()) break;
    HF_CO_RETURN_IF_ERROR(co_await duties_of_kind(query, kind, page));
  }
  co_return page.take();
}

Task<absl::Status> SqlSnapshot::duties_of_kind(const DutyQuery& query, KindName kind,
                                               RowPage& page) {
  std::string behind;
  if (query.after.has_value() && query.after->kind == kind) behind = query.after->name.str();
  for (;;) {
    const size_t chunk = page.chunk();
    batch::Row binds = {
        Number(*kind_id(kind)),
        Text(behind),
        query.state.has_value() ? Number(static_cast<int64_t>(*query.state)) : batch::Null(),
        query.round.has_value() ? Text(*query.round) : batch::Null(),
        Number(query.pending),
        Number(static_cast<int64_t>(chunk))};
    HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                           co_await rows(context_.dialect.duties, std::move(binds), chunk));
    for (batch::Row& columns : found) {
      behind = ToText(std::move(columns[0]));
      const ResourceKey key{kind, ResourceName(behind)};
      if (!page.examine(ToRow(key, columns, 1, Fields::kAll))) co_return absl::OkStatus();
    }
    if (found.size() < chunk) co_return absl::OkStatus();
  }
}

Task<absl::StatusOr<InboundPage>> SqlSnapshot::inbound(InboundQuery query) {
  InboundPage page;
  const KindName first = query.after.has_value() ? query.after->source.kind : KindName();
  if (!kind_id(query.target.kind).has_value()) co_return page;
  for (const KindName& kind : kinds_from(first)) {
    if (page.next.has_value()) break;
    HF_CO_RETURN_IF_ERROR(co_await inbound_of_kind(query, kind, page));
  }
  co_return page;
}

Task<absl::Status> SqlSnapshot::inbound_of_kind(const InboundQuery& query, KindName kind,
                                                InboundPage& page) {
  const bool go_on = query.after.has_value() && query.after->source.kind == kind;
  // One more than fits tells whether that was all.
  const size_t left = PageSize(query.limit) - page.edges.size() + 1;
  batch::Row binds = {Number(*kind_id(query.target.kind)),
                      Text(query.target.name.str()),
                      Number(*kind_id(kind)),
                      Text(go_on ? query.after->source.name.str() : ""),
                      Text(go_on ? query.after->field : ""),
                      Number(query.behaviors),
                      Number(static_cast<int64_t>(left))};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.inbound, std::move(binds), left));
  for (batch::Row& columns : found) {
    if (page.edges.size() == PageSize(query.limit)) {
      page.next = page.edges.back();
      break;
    }
    Edge edge;
    edge.target = query.target;
    edge.source = {kind, ResourceName(ToText(std::move(columns[0])))};
    edge.field = ToText(std::move(columns[1]));
    edge.behavior = static_cast<OnDelete>(ToNumber(columns[2]));
    page.edges.push_back(std::move(edge));
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<int64_t>> SqlSnapshot::count_inbound(ResourceKey target, uint32_t behaviors) {
  const std::optional<int64_t> kind = kind_id(target.kind);
  if (!kind.has_value()) co_return 0;
  batch::Row binds = {Number(*kind), Text(target.name.str()), Number(behaviors)};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.count_inbound, std::move(binds), 1));
  co_return ToNumber(found[0][0]);
}

Task<absl::StatusOr<std::optional<LimitRow>>> SqlSnapshot::limit(LimitKey key) {
  batch::Row binds = {Text(key.holder.kind.str()), Text(key.holder.name.str()),
                      Text(key.counted.str())};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.see_limit, std::move(binds), 1));
  std::optional<LimitRow> answer;
  if (!found.empty()) {
    answer = LimitRow{
        .key = std::move(key), .used = ToNumber(found[0][0]), .max = ToNumber(found[0][1])};
  }
  co_return answer;
}

Task<absl::StatusOr<std::vector<std::optional<Claim>>>> SqlSnapshot::get_claims(
    std::vector<ClaimKey> keys) {
  std::vector<batch::Row> binds;
  binds.reserve(keys.size());
  for (const ClaimKey& key : keys) binds.push_back(ClaimBinds(key));
  HF_CO_ASSIGN_OR_RETURN(
      std::vector<std::vector<batch::Row>> found,
      co_await reader_->query_each(context_.dialect.see_claim, std::move(binds), 1));
  std::vector<std::optional<Claim>> answer(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!found[i].empty()) answer[i] = ToClaim(std::move(keys[i]), found[i][0], 0);
  }
  co_return answer;
}

Task<absl::StatusOr<std::vector<Claim>>> SqlSnapshot::claims(ClaimQuery query) {
  ClaimKey from{.type = query.type, .target = query.target.value_or(ResourceKey())};
  if (query.after.has_value()) from = std::max(from, *query.after);
  const bool of_one = query.target.has_value();
  if (of_one && from.target != *query.target) co_return std::vector<Claim>();
  const size_t limit = PageSize(query.limit);
  batch::Row binds = ClaimBinds(from);
  const bool behind = query.after.has_value() && *query.after == from;
  if (of_one && !behind) binds.back() = batch::Null();
  binds.push_back(Number(static_cast<int64_t>(limit)));
  const Dialect& dialect = context_.dialect;
  co_return co_await claims_from(of_one ? dialect.claims_on : dialect.claims, std::move(binds),
                                 query.type, limit);
}

Task<absl::StatusOr<std::vector<Claim>>> SqlSnapshot::due_claims(ClaimType type, Timestamp by,
                                                                 size_t limit) {
  const size_t page = PageSize(limit);
  batch::Row binds = {Number(static_cast<int64_t>(type)), Number(by.value()),
                      Number(static_cast<int64_t>(page))};
  co_return co_await claims_from(context_.dialect.due_claims, std::move(binds), type, page);
}

Task<absl::StatusOr<std::vector<Claim>>> SqlSnapshot::claims_from(const std::string& sql,
                                                                  batch::Row binds, ClaimType type,
                                                                  size_t limit) {
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(sql, std::move(binds), limit));
  std::vector<Claim> answer;
  answer.reserve(found.size());
  for (batch::Row& columns : found) {
    ClaimKey key{.type = type};
    key.target.kind = KindName(ToText(std::move(columns[0])));
    key.target.name = ResourceName(ToText(std::move(columns[1])));
    key.holder = ToText(std::move(columns[2]));
    answer.push_back(ToClaim(std::move(key), columns, 3));
  }
  co_return answer;
}

Task<absl::StatusOr<std::vector<LimitRow>>> SqlSnapshot::limits(std::optional<LimitKey> after,
                                                                size_t limit) {
  const LimitKey from = after.value_or(LimitKey());
  const size_t page = PageSize(limit);
  batch::Row binds = {Text(from.holder.kind.str()), Text(from.holder.name.str()),
                      Text(from.counted.str()), Number(static_cast<int64_t>(page))};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.limits, std::move(binds), page));
  std::vector<LimitRow> answer;
  for (batch::Row& columns : found) {
    LimitRow row;
    row.key.holder.kind = KindName(ToText(std::move(columns[0])));
    row.key.holder.name = ResourceName(ToText(std::move(columns[1])));
    row.key.counted = KindName(ToText(std::move(columns[2])));
    row.used = ToNumber(columns[3]);
    row.max = ToNumber(columns[4]);
    answer.push_back(std::move(row));
  }
  co_return answer;
}

Task<absl::StatusOr<std::optional<std::string>>> SqlSnapshot::cursor(std::string name) {
  batch::Row binds = {Text(std::move(name))};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.cursor, std::move(binds), 1));
  std::optional<std::string> answer;
  if (!found.empty()) answer = ToBytes(std::move(found[0][0]));
  co_return answer;
}

Task<absl::StatusOr<std::optional<PutRequest>>> SqlSnapshot::request(std::string id) {
  batch::Row binds = {Text(id)};
  HF_CO_ASSIGN_OR_RETURN(std::vector<batch::Row> found,
                         co_await rows(context_.dialect.see_request, std::move(binds), 1));
  std::optional<PutRequest> answer;
  if (!found.empty()) {
    answer = PutRequest{.id = std::move(id),
                        .hash = ToBytes(std::move(found[0][0])),
                        .answer = ToBytes(std::move(found[0][1]))};
  }
  co_return answer;
}

}  // namespace holdfast::storage::sql
