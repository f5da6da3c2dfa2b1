// Kinds and each other: parents, children, who refers to whom, what can be blocked.
#pragma once

#include <string_view>
#include <vector>

#include "holdfast/schema/model.h"

namespace holdfast::schema {

// Fills parents, children, incoming and can_be_blocked of all kinds.
void ConnectKinds(Model& model);

// Kinds of the service, or else of its imports, that have a pattern for what is a parent's part of
// a pattern. One is right; none or several are findings.
[[nodiscard]] std::vector<const Kind*> ParentCandidates(const ServiceDraft& service,
                                                        std::string_view parent_pattern);

// "Deleting `from` deletes `to`", or holds it up.
struct DeletionEdge {
  const Kind* to = nullptr;
  bool asynchronous = false;
};
// What goes when a resource of this kind goes: children and holders of cascading references.
[[nodiscard]] std::vector<DeletionEdge> CascadesOf(const Kind& kind);

}  // namespace holdfast::schema
