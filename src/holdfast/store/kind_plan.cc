#include "holdfast/store/kind_plan.h"

#include <algorithm>
#include <set>

#include "holdfast/base/check.h"
#include "holdfast/meta.pb.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;
using schema::ParentDeletion;

void FillIncoming(const Plans& plans, KindPlan& plan) {
  for (const schema::Kind::Incoming& incoming : plan.kind->incoming) {
    const bool checked =
        plans.find(incoming.from->name) != nullptr && !incoming.from->unconstrained;
    if (checked) plan.incoming |= MaskOf(incoming.from->references[incoming.reference].on_delete);
  }
}

void FillChildren(const Plans& plans, KindPlan& plan) {
  for (const schema::Kind* child : plan.kind->children) {
    const KindPlan* found = plans.find(child->name);
    if (found == nullptr || !found->is_checked()) continue;
    plan.children.push_back(found);
    plan.child_kinds.push_back(found->name());
  }
}

void AddIndexPaths(KindPlan& plan) {
  std::set<std::string> paths;
  for (const schema::IndexRule& index : plan.kind->indexes) {
    paths.insert(index.paths.begin(), index.paths.end());
  }
  plan.index_paths.assign(paths.begin(), paths.end());
}

// Depth first, so that what is below comes before what it is below of.
void AddBelow(const KindPlan& plan, std::set<KindName>& seen, std::vector<const KindPlan*>& out) {
  for (const KindPlan* child : plan.children) {
    if (!seen.insert(child->name()).second) continue;
    AddBelow(*child, seen, out);
    out.push_back(child);
  }
}

bool MustCloseItself(const KindPlan& plan) {
  if ((plan.incoming & (kBlockMask | kCascadeMask)) != 0) return true;
  for (const KindPlan* child : plan.children) {
    if (child->kind->on_parent_deleted == ParentDeletion::kBlock) return true;
  }
  for (const schema::ReferenceField& reference : plan.kind->references) {
    if ((MaskOf(reference.on_delete) & kCascadeMask) != 0) return true;
  }
  return false;
}

}  // namespace

const Meta& KindPlan::meta(const Message& resource) const {
  return static_cast<const Meta&>(
      resource.GetReflection()->GetMessage(resource, kind->metadata_field));
}

Meta& KindPlan::mutable_meta(Message& resource) const {
  return static_cast<Meta&>(
      *resource.GetReflection()->MutableMessage(&resource, kind->metadata_field));
}

const std::string& KindPlan::name_of(const Message& resource) const {
  static std::string unused;  // dynamic messages keep strings as strings: nothing is copied here
  return resource.GetReflection()->GetStringReference(resource, kind->name_field, &unused);
}

Plans::Plans(const schema::Schema& schema, const schema::Service& service)
    : schema_(schema), service_(service) {
  for (const schema::Kind* kind : service.kinds) {
    KindPlan& plan = plans_[kind->name];
    plan.kind = kind;
    plan.rules = std::make_unique<FieldRules>(kind->message, kind->metadata_field);
    AddIndexPaths(plan);
  }
  for (auto& [name, plan] : plans_) {
    FillIncoming(*this, plan);
    FillChildren(*this, plan);
  }
  for (auto& [name, plan] : plans_) {
    std::set<KindName> seen;
    AddBelow(plan, seen, plan.below);
    plan.must_close = MustCloseItself(plan);
  }
  // `below` is complete, so one look down is enough.
  std::map<KindName, bool> must_close;
  for (const auto& [name, plan] : plans_) {
    must_close[name] =
        plan.must_close || std::any_of(plan.below.begin(), plan.below.end(),
                                       [](const KindPlan* child) { return child->must_close; });
  }
  for (auto& [name, plan] : plans_) plan.must_close = must_close[name];
}

const KindPlan* Plans::find(const KindName& kind) const {
  const auto found = plans_.find(kind);
  return found == plans_.end() ? nullptr : &found->second;
}

const KindPlan& Plans::at(const KindName& kind) const {
  const KindPlan* plan = find(kind);
  HF_CHECK(plan != nullptr) << "the database has a row of the unknown kind " << kind.str();
  return *plan;
}

bool Plans::is_foreign(const schema::Kind& kind) const {
  return kind.service->domain != service_.domain;
}

}  // namespace holdfast::store
