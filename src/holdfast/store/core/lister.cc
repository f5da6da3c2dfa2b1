#include "holdfast/store/core/lister.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/metadata.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;
using storage::Row;
using storage::RowState;

// What a scan by name reads beyond a page, so that the next page is known to have something.
constexpr size_t kAhead = 1;

storage::ScanQuery ScanOf(const KindPlan& plan, const ListQuery& query) {
  storage::ScanQuery scan;
  scan.kinds = {plan.name()};
  scan.name_prefix = schema::NamePattern::ScanPrefix(query.parent);
  if (!plan.index_paths.empty()) scan.conditions = query.filter.index_conditions(plan.index_paths);
  return scan;
}

// What is left of a resource whose body is gone.
MessagePtr ShadowOnly(const Plans& plans, const KindPlan& plan, const Row& row) {
  MessagePtr resource = plans.schema().new_message(plan.kind->message);
  resource->GetReflection()->SetString(resource.get(), plan.kind->name_field, row.key.name.str());
  Meta& meta = plan.mutable_meta(*resource);
  meta.set_uid(row.uid.str());
  meta.set_resource_version(absl::StrCat(row.version.value()));
  meta.mutable_lifecycle()->set_state(Meta::DELETING);
  SetTime(row.delete_time, *meta.mutable_delete_time());
  return resource;
}

// A match, in the query's form. The message is also there if it had to be looked into.
struct Match {
  MessagePtr message;
  std::string bytes;
};

// Can the row be a match without anybody having looked into its body?
bool IsPassedOn(const ListQuery& query, const Row& row) {
  return query.form == Form::kSerialized && query.filter.empty() && query.order.by_name_only() &&
         IsShownAsStored(row);
}

// The resource if the query wants it; nullopt if not. Takes the row's body.
absl::StatusOr<std::optional<Match>> FindMatch(const Plans& plans, const KindPlan& plan,
                                               const ListQuery& query, Row& row) {
  if (!IsInCollection(plan, row.key.name, query)) return std::nullopt;
  if (IsPassedOn(query, row)) return Match{nullptr, *std::move(row.body)};
  Match match;
  if (IsReadable(plan, row)) {
    HF_ASSIGN_OR_RETURN(match.message, Decode(plans, plan, row));
  } else if (query.show_deleted == ShowDeleted::kYes && row.state == RowState::kDeleting) {
    match.message = ShadowOnly(plans, plan, row);
  } else {
    return std::nullopt;
  }
  if (!query.filter.matches(*match.message)) return std::nullopt;
  if (query.form == Form::kSerialized) {
    match.bytes = IsShownAsStored(row) ? *std::move(row.body) : Serialize(*match.message);
  }
  return match;
}

void Add(const ListQuery& query, PageStart place, Match match, ListPage& page) {
  if (query.form == Form::kSerialized) {
    page.serialized.push_back({std::move(place), std::move(match.bytes)});
  } else {
    page.resources.emplace_back(std::move(match.message));
  }
}

Task<absl::StatusOr<ListPage>> ListByName(const Plans& plans, const KindPlan& plan,
                                          storage::Snapshot& snapshot, const ListQuery& query) {
  ListPage page{.revision = snapshot.revision(), .place = snapshot.place()};
  storage::ScanQuery scan = ScanOf(plan, query);
  if (query.after.has_value()) {
    scan.after = ResourceKey{.kind = plan.name(), .name = query.after->name};
  }
  ResourceName last;
  for (size_t found = 0;;) {
    scan.limit = query.page_size - found + kAhead;
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage rows, co_await snapshot.scan(scan));
    for (Row& row : rows.rows) {
      HF_CO_ASSIGN_OR_RETURN(std::optional<Match> match, FindMatch(plans, plan, query, row));
      if (!match.has_value()) continue;
      if (found == query.page_size) {
        page.next = PageStart{.sort_key = "", .name = std::move(last)};
        co_return page;
      }
      ++found;
      last = row.key.name;
      Add(query, PageStart{.sort_key = "", .name = std::move(row.key.name)}, *std::move(match),
          page);
    }
    if (!rows.next.has_value()) co_return page;
    scan.after = std::move(rows.next);
  }
}

// The first `size` places of all that are put in.
class FirstPlaces {
 public:
  using Place = std::pair<std::string, std::string>;
  explicit FirstPlaces(size_t size) : size_(size) {}

  void put(Place place, Match match) {
    kept_.emplace_back(std::move(place), std::move(match));
    std::push_heap(kept_.begin(), kept_.end(), ByPlace);
    if (kept_.size() <= size_) return;
    std::pop_heap(kept_.begin(), kept_.end(), ByPlace);
    kept_.pop_back();
  }

  [[nodiscard]] std::vector<std::pair<Place, Match>> take() {
    std::sort_heap(kept_.begin(), kept_.end(), ByPlace);
    return std::move(kept_);
  }

 private:
  static bool ByPlace(const std::pair<Place, Match>& a, const std::pair<Place, Match>& b) {
    return a.first < b.first;
  }

  size_t size_;
  std::vector<std::pair<Place, Match>> kept_;
};

absl::Status TooManyMatches(const KindPlan& plan, size_t max_sorted) {
  return MakeError(Reason::kTooManyMatches,
                   absl::StrCat("more than ", max_sorted, " resources of ", plan.name().str(),
                                " would have to be sorted; narrow the filter or the parent, or "
                                "order by name"));
}

Task<absl::StatusOr<ListPage>> ListSorted(const Plans& plans, const KindPlan& plan,
                                          storage::Snapshot& snapshot, const ListQuery& query,
                                          size_t max_sorted) {
  storage::ScanQuery scan = ScanOf(plan, query);
  FirstPlaces first(query.page_size + kAhead);
  size_t sorted = 0;
  for (bool more = true; more;) {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage rows, co_await snapshot.scan(scan));
    for (Row& row : rows.rows) {
      HF_CO_ASSIGN_OR_RETURN(std::optional<Match> match, FindMatch(plans, plan, query, row));
      if (!match.has_value()) continue;
      if (++sorted > max_sorted) co_return TooManyMatches(plan, max_sorted);
      FirstPlaces::Place place = SortPlace(plan, query, *match->message);
      if (query.form == Form::kSerialized) match->message.reset();
      const bool behind = !query.after.has_value() ||
                          place > std::pair(query.after->sort_key, query.after->name.str());
      if (behind) first.put(std::move(place), *std::move(match));
    }
    more = rows.next.has_value();
    scan.after = std::move(rows.next);
  }
  ListPage page{.revision = snapshot.revision(), .place = snapshot.place()};
  auto places = first.take();
  if (places.size() > query.page_size) {
    places.pop_back();
    const auto& [sort_key, name] = places.back().first;
    page.next = PageStart{.sort_key = sort_key, .name = ResourceName(name)};
  }
  for (auto& [place, match] : places) {
    Add(query, {std::move(place.first), ResourceName(std::move(place.second))}, std::move(match),
        page);
  }
  co_return page;
}

}  // namespace

Task<absl::StatusOr<ListPage>> List(const Plans& plans, storage::Snapshot& snapshot,
                                    ListQuery query, size_t max_sorted) {
  const KindPlan* plan = plans.find(query.kind->name);
  if (plan == nullptr) {
    co_return MakeError(Reason::kInternal, "a list of a kind that this deployment hasn't got");
  }
  query.page_size = std::max<size_t>(query.page_size, 1);
  if (query.order.by_name_only()) {
    absl::StatusOr<ListPage> page = co_await ListByName(plans, *plan, snapshot, query);
    co_return page;
  }
  absl::StatusOr<ListPage> page = co_await ListSorted(plans, *plan, snapshot, query, max_sorted);
  co_return page;
}

bool IsInCollection(const KindPlan& plan, const ResourceName& name, const ListQuery& query) {
  if (query.parent.empty()) return true;
  const auto depth = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '/');
  };
  // A kind may have patterns of several depths: only direct members count.
  const bool member = depth(name.str()) == depth(query.parent) + 2;
  return member && (plan.kind->patterns.size() == 1 || plan.kind->match(name).has_value()) &&
         schema::NamePattern::IsBelow(name.str(), query.parent);
}

std::pair<std::string, std::string> SortPlace(const KindPlan& plan, const ListQuery& query,
                                              const Message& resource) {
  std::string key = query.order.by_name_only() ? std::string() : query.order.sort_key(resource);
  return {std::move(key), plan.name_of(resource)};
}

}  // namespace holdfast::store
