#include "holdfast/store/shadows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/base/texts.h"
#include "holdfast/store/constraint/closure.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/errors.h"
#include "holdfast/store/references.h"

namespace holdfast::store {
namespace {

using storage::Edge;
using storage::Row;
using storage::RowState;
using storage::Snapshot;

Task<absl::StatusOr<Row>> GetRow(Snapshot& snapshot, ResourceKey key, storage::Fields fields) {
  std::vector<ResourceKey> keys{key};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot.get(std::move(keys), fields));
  if (!rows[0].has_value()) co_return ResourceNotFound(key);
  co_return *std::move(rows[0]);
}

}  // namespace

std::string PackReferences(const std::vector<Edge>& edges) {
  std::string packed;
  for (const Edge& edge : edges) {
    PutText(edge.target.kind.str(), packed);
    PutText(edge.target.name.str(), packed);
    PutText(edge.field, packed);
    PutText(absl::StrCat(static_cast<int>(edge.behavior)), packed);
  }
  return packed;
}

absl::StatusOr<std::vector<Edge>> UnpackReferences(const ResourceKey& source,
                                                   std::string_view packed) {
  std::vector<Edge> edges;
  while (!packed.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string_view kind, TakeText(packed));
    HF_ASSIGN_OR_RETURN(const std::string_view name, TakeText(packed));
    HF_ASSIGN_OR_RETURN(const std::string_view field, TakeText(packed));
    HF_ASSIGN_OR_RETURN(const std::string_view behavior, TakeText(packed));
    int number = 0;
    if (!absl::SimpleAtoi(ToAbsl(behavior), &number)) number = static_cast<int>(OnDelete::kBlock);
    edges.push_back({.target = {.kind = KindName(kind), .name = ResourceName(name)},
                     .source = source,
                     .field = std::string(field),
                     .behavior = static_cast<OnDelete>(number)});
  }
  return edges;
}

absl::StatusOr<Shadow> ShadowOf(const Plans& plans, Row row) {
  Shadow shadow;
  const KindPlan* plan = plans.find(row.key.kind);
  if (plan != nullptr && row.body.has_value()) {
    HF_ASSIGN_OR_RETURN(const MessagePtr resource, ParseBody(plans, *plan, row));
    shadow.references = EdgesOf(plans, *plan, row.key, *resource);
  } else {
    HF_ASSIGN_OR_RETURN(shadow.references, UnpackReferences(row.key, row.outgoing));
  }
  row.body.reset();
  shadow.row = std::move(row);
  return shadow;
}

Task<absl::StatusOr<Shadow>> GetShadow(const Plans& plans, Snapshot& snapshot, ResourceKey key) {
  const KindPlan* plan = plans.find(key.kind);
  if (plan == nullptr || !plan->is_checked()) co_return ResourceNotFound(key);
  HF_CO_ASSIGN_OR_RETURN(Row row, co_await GetRow(snapshot, key, storage::Fields::kAll));
  co_return ShadowOf(plans, std::move(row));
}

Task<absl::StatusOr<ShadowPage>> ListShadows(const Plans& plans, Snapshot& snapshot,
                                             std::optional<KindName> kind,
                                             std::optional<ResourceKey> after, size_t limit,
                                             ShowDeleted show_deleted) {
  ShadowPage result{
      .shadows = {}, .next = {}, .revision = snapshot.revision(), .place = snapshot.place()};
  storage::ScanQuery scan;
  for (const auto& [name, plan] : plans.all()) {
    if (plan.is_checked() && (!kind.has_value() || *kind == name)) scan.kinds.push_back(name);
  }
  if (scan.kinds.empty()) co_return result;
  scan.after = std::move(after);
  scan.limit = std::clamp<size_t>(limit, 1, storage::kMaxPage);
  if (show_deleted == ShowDeleted::kYes) scan.tombstones = storage::Tombstones::kInclude;
  HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot.scan(std::move(scan)));
  for (Row& row : page.rows) {
    HF_CO_ASSIGN_OR_RETURN(Shadow shadow, ShadowOf(plans, std::move(row)));
    result.shadows.push_back(std::move(shadow));
  }
  result.next = std::move(page.next);
  co_return result;
}

Task<absl::StatusOr<ReferrersPage>> ListReferrers(const Plans& plans, Snapshot& snapshot,
                                                  ResourceKey key, std::optional<Edge> after,
                                                  size_t limit) {
  if (plans.find(key.kind) == nullptr) co_return ResourceNotFound(key);
  ReferrersPage result{.edges = {}, .next = {}, .revision = snapshot.revision()};
  HF_CO_ASSIGN_OR_RETURN(result.total, co_await snapshot.count_inbound(key, ~0u));
  if (result.total == 0) {
    // What nothing refers to must be there; what is gone may still be referred to, dangling.
    HF_CO_ASSIGN_OR_RETURN(const Row row, co_await GetRow(snapshot, key, storage::Fields::kShadow));
    if (row.state == RowState::kGone) co_return ResourceNotFound(key);
    co_return result;
  }
  // Named: g++ 12 destroys a braced argument of an awaited call twice.
  storage::InboundQuery query{.target = key, .after = std::move(after), .limit = limit};
  HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot.inbound(std::move(query)));
  result.edges = std::move(page.edges);
  result.next = std::move(page.next);
  co_return result;
}

Task<absl::StatusOr<DeletionPlan>> ExplainDelete(const Plans& plans, Snapshot& snapshot,
                                                 ResourceKey key, Force force, size_t samples) {
  const KindPlan* plan = plans.find(key.kind);
  if (plan == nullptr) co_return ResourceNotFound(key);
  HF_CO_ASSIGN_OR_RETURN(const Row row, co_await GetRow(snapshot, key, storage::Fields::kAll));
  if (!IsReadable(*plan, row)) co_return ResourceNotFound(key);
  if (row.state == RowState::kDeleting) co_return NameBeingDeleted(key);
  // The rows of a deletion that is being decided are in another's hands only for a moment.
  Closure closure(
      plans, snapshot,
      {.max_resources = kMaxExplained, .samples = std::max<size_t>(samples, 1), .round = row.round},
      nullptr);
  std::vector<ClosureRoot> roots{{.key = key, .force = force, .op = 0}};
  HF_CO_RETURN_IF_ERROR(co_await closure.run(std::move(roots)));
  if (closure.truncated()) {
    co_return MakeError(Reason::kTooManyMatches,
                        absl::StrCat("deleting ", key.name.str(), " takes more than ",
                                     kMaxExplained, " resources with it"));
  }
  DeletionPlan result;
  result.root = closure.tree();
  result.deleted = closure.deleted();
  result.unset = closure.unset();
  result.blockers = closure.blockers();
  result.digest = closure.digest();
  result.revision = snapshot.revision();
  co_return result;
}

}  // namespace holdfast::store
