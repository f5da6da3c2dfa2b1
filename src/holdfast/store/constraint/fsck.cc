#include "holdfast/store/constraint/fsck.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/filter.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/limits.h"
#include "holdfast/store/core/unique.h"
#include "holdfast/store/references.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;
using storage::Edge;
using storage::Row;
using storage::RowState;

std::array<uint64_t, 2> Fingerprint(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    absl::StrAppend(&text, part.size(), ":", ToAbsl(part));
  }
  const std::string hash = Sha256(text);
  std::array<uint64_t, 2> words{};
  std::memcpy(words.data(), hash.data(), sizeof(words));
  return words;
}

}  // namespace

Task<absl::StatusOr<FsckReport>> Fsck::run() {
  HF_CO_RETURN_IF_ERROR(co_await check_rows());
  HF_CO_RETURN_IF_ERROR(co_await check_limits());
  if (missing_ || edges_at_rows_ != references_at_rows_) {
    HF_CO_RETURN_IF_ERROR(co_await find_missing_edges());
    HF_CO_RETURN_IF_ERROR(co_await find_extra_edges());
  }
  co_return std::move(report_);
}

void Fsck::EdgeSum::add(const Edge& edge) {
  const auto words = Fingerprint({edge.target.kind.str(), edge.target.name.str(),
                                  edge.source.kind.str(), edge.source.name.str(), edge.field,
                                  std::to_string(static_cast<int>(edge.behavior))});
  ++count;
  for (size_t i = 0; i < words.size(); ++i) sums[i] += words[i];
}

void Fsck::find(std::string rule, const ResourceKey& key, std::string detail) {
  ++report_.total_findings;
  if (report_.findings.size() >= kMaxFindings) return;
  report_.findings.push_back({std::move(rule), key, std::move(detail)});
}

Task<absl::Status> Fsck::check_rows() {
  storage::ScanQuery scan;
  scan.tombstones = storage::Tombstones::kInclude;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot_.scan(scan));
    HF_CO_RETURN_IF_ERROR(co_await check_page(page.rows));
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return absl::OkStatus();
}

Task<absl::Status> Fsck::check_page(const std::vector<Row>& rows) {
  for (const Row& row : rows) HF_CO_RETURN_IF_ERROR(co_await check_row(row));
  absl::Status status = co_await check_needs();
  co_return status;
}

Task<absl::Status> Fsck::check_row(const Row& row) {
  const KindPlan* plan = plans_.find(row.key.kind);
  if (plan == nullptr) {
    if (row.state != RowState::kGone) find("unknown-kind", row.key, "the schema hasn't got it");
    co_return absl::OkStatus();
  }
  HF_CO_RETURN_IF_ERROR(co_await sum_inbound(row.key));
  if (row.state == RowState::kGone) co_return absl::OkStatus();
  ++report_.rows;
  if (!plan->kind->match(row.key.name).has_value()) {
    find("bad-name", row.key, "matches no pattern of its kind");
    co_return absl::OkStatus();
  }
  HF_CO_RETURN_IF_ERROR(co_await check_round(row));
  if (!row.body.has_value()) {
    if (row.state != RowState::kDeleting) find("missing-body", row.key, "though it is there");
    co_return absl::OkStatus();
  }
  absl::StatusOr<MessagePtr> resource = ParseBody(plans_, *plan, row);
  if (!resource.ok()) {
    find("unreadable-body", row.key, std::string(resource.status().message()));
    co_return absl::OkStatus();
  }
  check_resource(*plan, row, **resource);
  collect_needs(*plan, row, **resource);
  co_return absl::OkStatus();
}

void Fsck::check_resource(const KindPlan& plan, const Row& row, const Message& resource) {
  const Meta& meta = plan.meta(resource);
  const bool same = meta.uid() == row.uid.str() &&
                    meta.resource_version() == absl::StrCat(row.version.value()) &&
                    plan.name_of(resource) == row.key.name.str();
  if (!same) find("metadata-mismatch", row.key, "the body has another name, uid or version");
  if (!plan.index_paths.empty() &&
      filter::IndexedFieldsJson(resource, plan.index_paths) != row.fields) {
    find("stale-index", row.key, "the indexed fields aren't those of the body");
  }
  for (const storage::UniqueValue& value : UniqueValuesOf(plan, row.key.name, resource)) {
    const auto known = Fingerprint({value.kind.str(), value.field, value.scope, value.value});
    if (unique_.insert(known).second) continue;
    find("duplicate-value", row.key, absl::StrCat(value.field, " is another's too"));
  }
  for (CountedLimit& limit : LimitsOf(plan, row.key.name)) ++counts_[std::move(limit.key)];
}

void Fsck::collect_needs(const KindPlan& plan, const Row& row, const Message& resource) {
  if (!plan.is_checked()) return;
  if (const std::optional<ResourceKey> parent = plan.kind->parent_of(row.key.name)) {
    if (plans_.find(parent->kind) != nullptr) {
      needs_.push_back({.target = *parent, .source = row.key, .field = "", .behavior = {}});
    }
  }
  for (Edge& edge : EdgesOf(plans_, plan, row.key, resource)) {
    ++report_.references;
    needs_.push_back(std::move(edge));
  }
}

Task<absl::Status> Fsck::sum_inbound(const ResourceKey& target) {
  storage::InboundQuery query;
  query.target = target;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot_.inbound(query));
    for (const Edge& edge : page.edges) edges_at_rows_.add(edge);
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> Fsck::has_edge(const Edge& edge) {
  storage::InboundQuery query;
  query.target = edge.target;
  // Fields aren't empty: this is just before the source's first edge.
  query.after = Edge{.target = edge.target, .source = edge.source, .field = "", .behavior = {}};
  query.limit = plans_.at(edge.source.kind).kind->references.size();
  HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot_.inbound(query));
  co_return std::find(page.edges.begin(), page.edges.end(), edge) != page.edges.end();
}

Task<absl::Status> Fsck::check_needs() {
  for (size_t first = 0; first < needs_.size(); first += storage::kMaxPage) {
    const size_t last = std::min(first + storage::kMaxPage, needs_.size());
    std::vector<ResourceKey> keys;
    for (size_t i = first; i < last; ++i) keys.push_back(needs_[i].target);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot_.get(std::move(keys), storage::Fields::kShadow));
    for (size_t i = first; i < last; ++i) {
      const Edge& need = needs_[i];
      const std::optional<Row>& row = rows[i - first];
      const bool there = row.has_value() && row->state != RowState::kGone;
      if (need.field.empty()) {
        if (there) continue;
        find("missing-parent", need.source, absl::StrCat(need.target.name.str(), " isn't there"));
        continue;
      }
      // An edge to what has no row is in no sum.
      if (row.has_value()) references_at_rows_.add(need);
      if (!row.has_value()) {
        HF_CO_ASSIGN_OR_RETURN(const bool has, co_await has_edge(need));
        missing_ = missing_ || !has;
      }
      if (!there && need.behavior != OnDelete::kAllowDangling) {
        find("dangling-reference", need.source,
             absl::StrCat(need.field, " refers to ", need.target.name.str()));
      }
    }
  }
  needs_.clear();
  co_return absl::OkStatus();
}

// A deletion under way is no finding; one that nobody can find again is.
Task<absl::Status> Fsck::check_round(const Row& row) {
  if (row.state == RowState::kDeleting && (row.pending & storage::kPendingRemove) == 0) {
    find("stuck-deletion", row.key, "nothing says that it is to be removed");
  }
  if (row.state != RowState::kClosing || (row.pending & storage::kPendingRemove) != 0) {
    co_return absl::OkStatus();
  }
  for (const char* marker : {"", "~"}) {
    storage::DutyQuery query{.state = std::nullopt,
                             .round = absl::StrCat(row.round, marker),
                             .pending = storage::kPendingRemove,
                             .after = std::nullopt,
                             .limit = 1};
    HF_CO_ASSIGN_OR_RETURN(const storage::ScanPage page,
                           co_await snapshot_.duties(std::move(query)));
    if (!page.rows.empty()) co_return absl::OkStatus();
  }
  find("orphaned-closing", row.key, absl::StrCat("its deletion ", row.round, " has no root"));
  co_return absl::OkStatus();
}

Task<absl::Status> Fsck::check_limits() {
  std::optional<storage::LimitKey> after;
  for (bool more = true; more;) {
    HF_CO_ASSIGN_OR_RETURN(const std::vector<storage::LimitRow> rows,
                           co_await snapshot_.limits(after, storage::kMaxPage));
    for (const storage::LimitRow& row : rows) {
      const auto counted = counts_.find(row.key);
      const int64_t count = counted == counts_.end() ? 0 : counted->second;
      if (row.used != count) {
        find("limit-mismatch", row.key.holder,
             absl::StrCat(row.key.counted.str(), ": ", row.used, " are counted, ", count,
                          " are there"));
      }
      if (counted != counts_.end()) counts_.erase(counted);
      after = row.key;
    }
    more = !rows.empty();
  }
  for (const auto& [key, count] : counts_) {
    find("limit-mismatch", key.holder,
         absl::StrCat(key.counted.str(), ": none are counted, ", count, " are there"));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Fsck::find_missing_edges() {
  storage::ScanQuery scan;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot_.scan(scan));
    for (const Row& row : page.rows) {
      const KindPlan* plan = plans_.find(row.key.kind);
      // What is left out here is a finding already.
      if (plan == nullptr || !plan->is_checked() || !row.body.has_value()) continue;
      const absl::StatusOr<MessagePtr> resource = ParseBody(plans_, *plan, row);
      if (!resource.ok() || !plan->kind->match(row.key.name).has_value()) continue;
      for (const Edge& edge : EdgesOf(plans_, *plan, row.key, **resource)) {
        HF_CO_ASSIGN_OR_RETURN(const bool has, co_await has_edge(edge));
        if (has) continue;
        find("reference-without-edge", edge.source,
             absl::StrCat(edge.field, " refers to ", edge.target.name.str()));
      }
    }
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return absl::OkStatus();
}

Task<absl::Status> Fsck::find_extra_edges() {
  storage::ScanQuery scan;
  scan.tombstones = storage::Tombstones::kInclude;
  scan.fields = storage::Fields::kShadow;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot_.scan(scan));
    for (const Row& row : page.rows) HF_CO_RETURN_IF_ERROR(co_await check_inbound_of(row.key));
    scan.after = std::move(page.next);
  } while (scan.after.has_value());
  co_return absl::OkStatus();
}

Task<absl::Status> Fsck::check_inbound_of(const ResourceKey& target) {
  storage::InboundQuery query;
  query.target = target;
  do {
    HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot_.inbound(query));
    std::vector<ResourceKey> keys;
    for (const Edge& edge : page.edges) keys.push_back(edge.source);
    HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                           co_await snapshot_.get(std::move(keys), storage::Fields::kAll));
    for (size_t i = 0; i < page.edges.size(); ++i) {
      const Edge& edge = page.edges[i];
      bool meant = false;
      const KindPlan* plan = plans_.find(edge.source.kind);
      if (plan != nullptr && rows[i].has_value() && rows[i]->body.has_value()) {
        HF_CO_ASSIGN_OR_RETURN(const MessagePtr source, ParseBody(plans_, *plan, *rows[i]));
        for (const Edge& own : EdgesOf(plans_, *plan, edge.source, *source)) {
          meant = meant || own == edge;
        }
      }
      if (!meant) {
        find("edge-without-reference", edge.source,
             absl::StrCat(edge.field, " no longer refers to ", edge.target.name.str()));
      }
    }
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return absl::OkStatus();
}

}  // namespace holdfast::store
