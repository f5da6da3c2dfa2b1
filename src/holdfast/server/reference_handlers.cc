// ExplainDelete and ListReferrers. Their messages are the same for all services
// (holdfast/v1/references.proto), so they are of generated classes.
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/position.h"
#include "holdfast/server/request.h"
#include "holdfast/v1/references.pb.h"

namespace holdfast::server {
namespace {

constexpr size_t kDefaultSamples = 20;
constexpr size_t kMaxSamples = 1000;

v1::DeletionNode::Effect ToProto(store::DeletionNode::Effect effect) {
  switch (effect) {
    case store::DeletionNode::Effect::kDeleted:
      return v1::DeletionNode::DELETED;
    case store::DeletionNode::Effect::kUnset:
      return v1::DeletionNode::UNSET;
    case store::DeletionNode::Effect::kBlocks:
      return v1::DeletionNode::BLOCKS;
    case store::DeletionNode::Effect::kProtected:
      return v1::DeletionNode::PROTECTED;
  }
  return v1::DeletionNode::EFFECT_UNSPECIFIED;
}

// As deep as the plan is: the store bounds it.
void Fill(const store::DeletionNode& node, v1::DeletionNode& out) {
  out.set_kind(node.key.kind.str());
  out.set_name(node.key.name.str());
  out.set_effect(ToProto(node.effect));
  out.set_field(node.field);
  out.set_child_count(node.child_count);
  for (const store::DeletionNode& child : node.children) Fill(child, *out.add_children());
}

bool HasProtected(const store::DeletionNode& node) {
  if (node.effect == store::DeletionNode::Effect::kProtected) return true;
  return std::any_of(node.children.begin(), node.children.end(), HasProtected);
}

class ExplainDeleteHandler final : public Handler {
 public:
  ExplainDeleteHandler(Host host, const schema::Method& method) : host_(host), method_(method) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr request) override {
    const auto& explain = static_cast<const v1::ExplainDeleteRequest&>(*request);
    HF_CO_ASSIGN_OR_RETURN(ResourceKey key, ReadKey(*host_.deployment.schema, *method_.service,
                                                    explain.name(), "name"));
    if (explain.samples() < 0) {
      co_return FieldError(Reason::kInvalidField, "samples", "can't be negative");
    }
    const size_t asked = static_cast<size_t>(explain.samples());
    const size_t samples = asked == 0 ? kDefaultSamples : std::min(asked, kMaxSamples);
    const store::Force force = explain.force() ? store::Force::kYes : store::Force::kNo;
    absl::StatusOr<store::DeletionPlan> plan =
        co_await host_.deployment.store->explain_delete(std::move(key), force, samples);
    if (!plan.ok()) co_return plan.status();
    MessagePtr response = host_.new_message(method_.response);
    auto& out = static_cast<v1::ExplainDeleteResponse&>(*response);
    Fill(plan->root, *out.mutable_root());
    out.set_deleted_count(plan->deleted);
    out.set_unset_count(plan->unset);
    out.set_blocker_count(plan->blockers);
    out.set_deletable(plan->blockers == 0 && !HasProtected(plan->root));
    out.set_plan_digest(plan->digest);
    out.set_revision(absl::StrCat(plan->revision.value()));
    co_return response;
  }

 private:
  Host host_;
  const schema::Method& method_;
};

class ListReferrersHandler final : public Handler {
 public:
  ListReferrersHandler(Host host, const schema::Method& method)
      : host_(host), method_(method), fields_(method.request, nullptr) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr request) override {
    HF_CO_ASSIGN_OR_RETURN(ResourceKey key, ReadKey(*host_.deployment.schema, *method_.service,
                                                    Text(*request, fields_.name), "name"));
    HF_CO_ASSIGN_OR_RETURN(const size_t limit,
                           ReadPageSize(*request, fields_.page_size, kDefaultPageSize));
    const std::string hash =
        HashRequest(method_.full_name, *request, {fields_.page_token, fields_.page_size});
    std::optional<storage::Edge> after;
    const std::string token = Text(*request, fields_.page_token);
    if (!token.empty()) {
      HF_CO_ASSIGN_OR_RETURN(PagePosition position, OpenPage(host_.deployment, hash, 3, token));
      after.emplace();
      after->target = key;
      after->source = {KindName(position.parts[0]), ResourceName(position.parts[1])};
      after->field = position.parts[2];
    }
    absl::StatusOr<store::ReferrersPage> page =
        co_await host_.deployment.store->referrers(std::move(key), std::move(after), limit);
    if (!page.ok()) co_return page.status();
    co_return respond(*page, hash);
  }

 private:
  absl::StatusOr<MessagePtr> respond(const store::ReferrersPage& page,
                                     const std::string& hash) const {
    MessagePtr response = host_.new_message(method_.response);
    auto& out = static_cast<v1::ListReferrersResponse&>(*response);
    for (const storage::Edge& edge : page.edges) {
      v1::Referrer& referrer = *out.add_referrers();
      referrer.set_kind(edge.source.kind.str());
      referrer.set_name(edge.source.name.str());
      referrer.set_field(edge.field);
      referrer.set_on_delete(static_cast<TargetDeletion>(edge.behavior));
    }
    if (page.next.has_value()) {
      const ResourceKey& source = page.next->source;
      HF_ASSIGN_OR_RETURN(
          *out.mutable_next_page_token(),
          SealPage(host_.deployment, hash,
                   {page.revision, {source.kind.str(), source.name.str(), page.next->field}}));
    }
    out.set_total_size(page.total);
    out.set_revision(absl::StrCat(page.revision.value()));
    return response;
  }

  Host host_;
  const schema::Method& method_;
  RequestFields fields_;
};

}  // namespace

std::unique_ptr<Handler> MakeExplainDeleteHandler(Host host, const schema::Method& method) {
  return std::make_unique<ExplainDeleteHandler>(host, method);
}

std::unique_ptr<Handler> MakeListReferrersHandler(Host host, const schema::Method& method) {
  return std::make_unique<ListReferrersHandler>(host, method);
}

}  // namespace holdfast::server
