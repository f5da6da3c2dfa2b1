#include "holdfast/schema/graph.h"

#include <algorithm>

namespace holdfast::schema {
namespace {

void ConnectParents(KindDraft& draft) {
  for (size_t i = 0; i < draft.kind.patterns.size(); ++i) {
    const std::string& parent = draft.kind.patterns[i].parent_text();
    if (parent.empty()) continue;
    const std::vector<const Kind*> candidates = ParentCandidates(*draft.service, parent);
    if (candidates.size() == 1) draft.kind.parents[i] = candidates[0];
  }
}

// Kinds of the same draft list, as they are written to.
Kind& Mutable(Model& model, const Kind* kind) {
  for (const auto& draft : model.kinds) {
    if (&draft->kind == kind) return draft->kind;
  }
  return model.kinds.front()->kind;  // not reached: every kind is of the model
}

void ConnectChildren(Model& model, const KindDraft& draft) {
  if (draft.kind.unconstrained) return;
  for (const Kind* parent : draft.kind.parents) {
    if (parent == nullptr) continue;
    std::vector<const Kind*>& children = Mutable(model, parent).children;
    if (std::find(children.begin(), children.end(), &draft.kind) == children.end()) {
      children.push_back(&draft.kind);
    }
  }
}

void ConnectReferences(const KindDraft& draft) {
  for (size_t i = 0; i < draft.kind.references.size(); ++i) {
    const KindName& target = draft.kind.references[i].target;
    if (!target.empty()) {
      KindDraft* to = FindReferable(*draft.service, target);
      if (to != nullptr) to->kind.incoming.push_back({&draft.kind, i});
      continue;
    }
    std::vector<ServiceDraft*> reachable = draft.service->imports;
    reachable.insert(reachable.begin(), draft.service);
    for (const ServiceDraft* service : reachable) {
      for (KindDraft* to : service->kinds) {
        if (!to->kind.unconstrained) to->kind.incoming.push_back({&draft.kind, i});
      }
    }
  }
}

bool IsBlockedDirectly(const Kind& kind) {
  for (const Kind* child : kind.children) {
    if (child->on_parent_deleted == ParentDeletion::kBlock) return true;
  }
  for (const Kind::Incoming& incoming : kind.incoming) {
    if (incoming.from->references[incoming.reference].on_delete == OnDelete::kBlock) return true;
  }
  return false;
}

bool IsBlockedBelow(const Kind& kind) {
  const std::vector<DeletionEdge> cascades = CascadesOf(kind);
  return std::any_of(cascades.begin(), cascades.end(),
                     [](const DeletionEdge& edge) { return edge.to->can_be_blocked; });
}

void FindBlockable(Model& model) {
  for (const auto& draft : model.kinds) draft->kind.can_be_blocked = IsBlockedDirectly(draft->kind);
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& draft : model.kinds) {
      if (draft->kind.can_be_blocked || !IsBlockedBelow(draft->kind)) continue;
      draft->kind.can_be_blocked = true;
      changed = true;
    }
  }
}

}  // namespace

void ConnectKinds(Model& model) {
  for (const auto& draft : model.kinds) ConnectParents(*draft);
  for (const auto& draft : model.kinds) ConnectChildren(model, *draft);
  for (const auto& draft : model.kinds) ConnectReferences(*draft);
  FindBlockable(model);
}

std::vector<const Kind*> ParentCandidates(const ServiceDraft& service,
                                          std::string_view parent_pattern) {
  const std::string wanted = ShapeOf(parent_pattern);
  std::vector<const Kind*> found;
  auto look_in = [&](const ServiceDraft& in) {
    for (const KindDraft* draft : in.kinds) {
      for (const NamePattern& pattern : draft->kind.patterns) {
        if (ShapeOf(pattern.text()) == wanted) found.push_back(&draft->kind);
      }
    }
  };
  look_in(service);
  for (const ServiceDraft* import : service.imports) look_in(*import);
  return found;
}

std::vector<DeletionEdge> CascadesOf(const Kind& kind) {
  std::vector<DeletionEdge> edges;
  for (const Kind* child : kind.children) {
    if (child->on_parent_deleted == ParentDeletion::kBlock) continue;
    edges.push_back({child, child->on_parent_deleted == ParentDeletion::kAsyncCascadeDelete});
  }
  for (const Kind::Incoming& incoming : kind.incoming) {
    const OnDelete behaviour = incoming.from->references[incoming.reference].on_delete;
    const bool asynchronous = behaviour == OnDelete::kAsyncCascadeDelete;
    if (asynchronous || behaviour == OnDelete::kCascadeDelete) {
      edges.push_back({incoming.from, asynchronous});
    }
  }
  return edges;
}

}  // namespace holdfast::schema
