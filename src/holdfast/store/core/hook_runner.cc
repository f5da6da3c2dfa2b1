#include "holdfast/store/core/hook_runner.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/macros.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/lister.h"
#include "holdfast/store/errors.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;

Verdict LostRace(const WriteSet& /*set*/, const Note& /*note*/,
                 const storage::Failure& /*failure*/) {
  return Verdict::Retry();
}

SharedMessage CopyOf(const Message& message) {
  MessagePtr copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

// What the list would hold with this write's own changes.
void Overlay(const WriteSet& set, const ListQuery& query, std::vector<SharedMessage>& resources) {
  const KindPlan& plan = set.plans().at(query.kind->name);
  for (const auto& change : set.changes()) {
    if (change->plan != &plan) continue;
    std::erase_if(resources, [&](const SharedMessage& resource) {
      return plan.name_of(*resource) == change->key.name.str();
    });
    const bool listed = change->after != nullptr && IsInCollection(plan, change->key.name, query) &&
                        query.filter.matches(*change->after);
    if (listed) resources.push_back(CopyOf(*change->after));
  }
  std::stable_sort(resources.begin(), resources.end(),
                   [&](const SharedMessage& a, const SharedMessage& b) {
                     return SortPlace(plan, query, *a) < SortPlace(plan, query, *b);
                   });
  if (resources.size() > query.page_size) resources.resize(query.page_size);
}

}  // namespace

Task<absl::Status> HookRunner::on_save(const Hooks& hooks) {
  if (change_.after == nullptr) co_return absl::OkStatus();
  for (const std::unique_ptr<Hook>& hook : hooks) {
    HF_CO_RETURN_IF_ERROR(co_await hook->on_save(*this, *change_.after));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> HookRunner::before_commit(const Hooks& hooks) {
  for (const std::unique_ptr<Hook>& hook : hooks) {
    HF_CO_RETURN_IF_ERROR(co_await hook->before_commit(*this, change_.type, change_.after.get()));
  }
  co_return absl::OkStatus();
}

HookContext::Origin HookRunner::origin() const {
  return change_.origin == Change::Origin::kClient ? Origin::kClient : Origin::kHook;
}

const Message* HookRunner::before() const { return change_.before.get(); }

Task<absl::StatusOr<SharedMessage>> HookRunner::get(ResourceKey key) {
  if (const Change* own = set_.find(key)) {
    if (own->after == nullptr) co_return ResourceNotFound(key);
    co_return CopyOf(*own->after);
  }
  const KindPlan* plan = set_.plans().find(key.kind);
  if (plan == nullptr) co_return ResourceNotFound(key);
  HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set_.snapshot());
  std::vector<ResourceKey> keys{key};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<storage::Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kAll));
  if (!rows[0].has_value() || !IsReadable(*plan, *rows[0])) co_return ResourceNotFound(key);
  HF_CO_ASSIGN_OR_RETURN(MessagePtr resource, Decode(set_.plans(), *plan, *rows[0]));
  co_return SharedMessage(std::move(resource));
}

Task<absl::StatusOr<std::vector<SharedMessage>>> HookRunner::list(ListQuery query) {
  HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(ListPage page, co_await List(set_.plans(), *snapshot, query));
  Overlay(set_, query, page.resources);
  co_return std::move(page.resources);
}

void HookRunner::require_unchanged(const Message& resource) {
  for (const auto& [name, plan] : set_.plans().all()) {
    if (plan.kind->message != resource.GetDescriptor()) continue;
    const ResourceKey key{.kind = name, .name = ResourceName(plan.name_of(resource))};
    if (set_.find(key) != nullptr) return;  // this very write changes it, under guards of its own
    int64_t version = 0;
    HF_CHECK(absl::SimpleAtoi(plan.meta(resource).resource_version(), &version))
        << "a hook requires what the store didn't give it";
    set_.add_op(storage::RequireRow{.key = key,
                                    .uid = Uid(plan.meta(resource).uid()),
                                    .version = Version(version),
                                    .round = std::nullopt},
                {.explain = &LostRace});
    return;
  }
}

Task<absl::Status> HookRunner::serialize_on(std::string_view name) {
  const std::string slot = absl::StrCat("hook-lock/", Fnv1a64(name) % kHookLocks);
  for (const storage::Op& op : set_.batch().ops) {
    const auto* put = std::get_if<storage::PutCursor>(&op);
    if (put != nullptr && put->name == slot) co_return absl::OkStatus();
  }
  HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(std::optional<std::string> value, co_await snapshot->cursor(slot));
  int64_t turn = 0;
  if (value.has_value() && !absl::SimpleAtoi(*value, &turn)) turn = 0;
  set_.add_op(
      storage::PutCursor{
          .name = slot, .value = absl::StrCat(turn + 1), .expected = value.value_or("")},
      {.explain = &LostRace});
  co_return absl::OkStatus();
}

void HookRunner::add(std::string_view label, WriteOp op) {
  ops_.emplace_back(std::string(label), std::move(op));
}

}  // namespace holdfast::store
