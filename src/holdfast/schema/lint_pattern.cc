// Rules about name patterns, and the parents that follow from them.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/schema/graph.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

void CheckPatternMissing(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    if (draft->resource.pattern_size() > 0) continue;
    report(PlaceOfResource(draft->kind),
           absl::StrCat(draft->kind.message_name, " needs a `pattern` for its names"));
  }
}

void CheckPatternInvalid(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const std::string& text : draft->resource.pattern()) {
      const absl::StatusOr<NamePattern> pattern = NamePattern::Parse(text);
      if (pattern.ok()) continue;
      report(PlaceOfResource(draft->kind), std::string(pattern.status().message()));
    }
  }
}

void CheckPatternOverlap(const Model& model, const Report& report) {
  for (const auto& service : model.services) {
    std::map<std::string, const Kind*> seen;
    for (const KindDraft* draft : service->kinds) {
      for (const NamePattern& pattern : draft->kind.patterns) {
        auto [other, added] = seen.emplace(ShapeOf(pattern.text()), &draft->kind);
        if (added) continue;
        report(PlaceOfResource(draft->kind),
               absl::StrCat("pattern \"", pattern.text(), "\" also matches names of ",
                            other->second->message_name));
      }
    }
  }
}

// Calls `f(draft, pattern, candidates)` for each pattern that has a parent's part.
template <class F>
void ForEachParent(const Model& model, const F& f) {
  for (const auto& draft : model.kinds) {
    for (const NamePattern& pattern : draft->kind.patterns) {
      if (pattern.parent_text().empty()) continue;
      f(*draft, pattern, ParentCandidates(*draft->service, pattern.parent_text()));
    }
  }
}

void CheckParentUnknown(const Model& model, const Report& report) {
  ForEachParent(model, [&](const KindDraft& draft, const NamePattern& pattern,
                           const std::vector<const Kind*>& candidates) {
    if (!candidates.empty() || draft.kind.unconstrained) return;
    report(PlaceOfResource(draft.kind),
           absl::StrCat("the parent of \"", pattern.text(), "\" would be named \"",
                        pattern.parent_text(),
                        "\", but no kind of this service or of one that it imports is"));
  });
}

void CheckParentAmbiguous(const Model& model, const Report& report) {
  ForEachParent(model, [&](const KindDraft& draft, const NamePattern& pattern,
                           const std::vector<const Kind*>& candidates) {
    // Overlaps within one service are reported as such.
    if (candidates.size() < 2 || candidates.front()->service == candidates.back()->service) return;
    std::vector<std::string> names;
    for (const Kind* kind : candidates) names.push_back(kind->name.str());
    report(PlaceOfResource(draft.kind),
           absl::StrCat("the parent \"", pattern.parent_text(), "\" could be any of ",
                        absl::StrJoin(names, ", ")));
  });
}

void CheckParentUnconstrained(const Model& model, const Report& report) {
  ForEachParent(model, [&](const KindDraft& draft, const NamePattern&,
                           const std::vector<const Kind*>& candidates) {
    if (draft.kind.unconstrained) return;
    for (const Kind* parent : candidates) {
      if (!parent->unconstrained) continue;
      report(PlaceOfResource(draft.kind),
             absl::StrCat("the parent, ", parent->name.str(),
                          ", is unconstrained: nothing could keep it from going first"));
    }
  });
}

constexpr LintRule kPatternRules[] = {
    {"pattern-missing", "A resource has no name pattern.", CheckPatternMissing},
    {"pattern-invalid", "A name pattern can't be parsed.", CheckPatternInvalid},
    {"pattern-overlap", "Two patterns of one service match the same names.", CheckPatternOverlap},
    {"parent-unknown", "The parent's part of a pattern is no kind's pattern.", CheckParentUnknown},
    {"parent-ambiguous", "The parent's part of a pattern is that of kinds of several services.",
     CheckParentAmbiguous},
    {"parent-unconstrained", "The parent of a constrained kind is unconstrained.",
     CheckParentUnconstrained},
};

}  // namespace

std::span<const LintRule> PatternRules() { return kPatternRules; }

}  // namespace holdfast::schema
