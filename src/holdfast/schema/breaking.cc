// FindBreakingChanges: services, kinds, patterns and methods. Messages are in breaking_fields.cc.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/breaking_check.h"
#include "holdfast/schema/lint.h"
#include "holdfast/schema/lint_rules.h"

namespace holdfast::schema {
namespace {

// The file that a service is in; where to say that something is gone from it.
Place PlaceOfService(const Service& of) {
  if (of.kinds.empty()) return {};
  return PlaceOf(of.kinds.front()->message->file());
}

const Kind* FindKind(const Service& in, const KindName& name) {
  for (const Kind* kind : in.kinds) {
    if (kind->name == name) return kind;
  }
  return nullptr;
}

// Calls `f(before, next)` for each service that is in both, in the same version.
template <class F>
void ForEachService(const Schema& before, const Schema& next, const F& f) {
  for (const Service* old : before.services()) {
    const Service* now = next.find_service(old->domain, old->version);
    if (now != nullptr) f(*old, *now);
  }
}

// The same for each kind that is in both.
template <class F>
void ForEachKind(const Schema& before, const Schema& next, const F& f) {
  ForEachService(before, next, [&](const Service& old, const Service& now) {
    for (const Kind* kind : old.kinds) {
      if (const Kind* found = FindKind(now, kind->name); found != nullptr) f(*kind, *found);
    }
  });
}

void CheckServiceRemoved(const Schema& before, const Schema& next, const Report& report) {
  for (const Service* old : before.services()) {
    if (next.find_service(old->domain, old->version) != nullptr) continue;
    report(PlaceOfService(*old),
           absl::StrCat("service ", old->domain.str(), " ", old->version.str(), " is gone"));
  }
}

void CheckKindRemoved(const Schema& before, const Schema& next, const Report& report) {
  ForEachService(before, next, [&](const Service& old, const Service& now) {
    for (const Kind* kind : old.kinds) {
      if (FindKind(now, kind->name) != nullptr) continue;
      report(PlaceOfService(now), absl::StrCat("kind ", kind->name.str(), " is gone"));
    }
  });
}

void CheckPatternRemoved(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    std::set<std::string> shapes;
    for (const NamePattern& pattern : now.patterns) shapes.insert(ShapeOf(pattern.text()));
    for (const NamePattern& pattern : old.patterns) {
      if (shapes.contains(ShapeOf(pattern.text()))) continue;
      report(PlaceOfResource(now),
             absl::StrCat("names \"", pattern.text(), "\" are no longer of ", now.message_name));
    }
  });
}

// What messages, plurals and singulars are called shows in methods and requests.
void CheckWordChanged(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    if (old.message->full_name() == now.message->full_name() && old.plural == now.plural &&
        old.singular == now.singular) {
      return;
    }
    report(PlaceOfResource(now),
           absl::StrCat("the message, singular or plural of ", now.name.str(),
                        " has changed, and with it the names of methods and request fields"));
  });
}

void CheckParentStricter(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    if (old.on_parent_deleted == now.on_parent_deleted) return;
    if (now.on_parent_deleted == ParentDeletion::kAsyncCascadeDelete &&
        old.on_parent_deleted == ParentDeletion::kCascadeDelete) {
      return;  // gone as well, only later
    }
    if (now.on_parent_deleted == ParentDeletion::kCascadeDelete &&
        old.on_parent_deleted == ParentDeletion::kAsyncCascadeDelete) {
      return;
    }
    report(PlaceOfRules(now),
           absl::StrCat("deleting the parent of a ", now.message_name,
                        now.on_parent_deleted == ParentDeletion::kBlock ? " is refused now"
                                                                        : " deletes it now"));
  });
}

void CheckUnconstrainedChanged(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    if (old.unconstrained == now.unconstrained) return;
    report(PlaceOfRules(now),
           absl::StrCat(now.message_name, now.unconstrained
                                              ? " has become unconstrained: references to it and "
                                                "from it are no longer kept true"
                                              : " is no longer unconstrained: what is stored of it "
                                                "was never checked"));
  });
}

void CheckLimitStricter(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    for (const LimitRule& limit : now.limits) {
      auto same = std::find_if(old.limits.begin(), old.limits.end(),
                               [&](const LimitRule& other) { return other.per == limit.per; });
      if (same != old.limits.end() && same->default_max <= limit.default_max) continue;
      report(PlaceOfRules(now),
             absl::StrCat("the limit of ", limit.default_max, " per ", limit.per.str(),
                          same == old.limits.end() ? " is new" : " is lower than before"));
    }
  });
}

void CheckUniqueAdded(const Schema& before, const Schema& next, const Report& report) {
  ForEachKind(before, next, [&](const Kind& old, const Kind& now) {
    for (const UniqueRule& rule : now.unique) {
      // A field that is new may have any rule: nothing is stored in it.
      const auto field = ResolvePath(old.message, rule.path);
      auto kept = [&](const UniqueRule& other) {
        return other.path == rule.path &&
               (other.scope == rule.scope || other.scope == UniqueRule::Scope::kKind);
      };
      if (field.empty() || std::any_of(old.unique.begin(), old.unique.end(), kept)) continue;
      report(PlaceOfOption(rule.steps.back().field, holdfast::field.number()),
             absl::StrCat(rule.path, " must be unique now, but stored values needn't be"));
    }
  });
}

constexpr BreakingRule kRules[] = {
    {"service-removed", "A service, or a version of it, is gone.", CheckServiceRemoved},
    {"kind-removed", "A kind is gone.", CheckKindRemoved},
    {"pattern-removed", "A name pattern of a kind is gone.", CheckPatternRemoved},
    {"word-changed", "A resource's message, singular or plural has another name.",
     CheckWordChanged},
    {"parent-stricter", "on_parent_deleted has changed between BLOCK and a cascade.",
     CheckParentStricter},
    {"unconstrained-changed", "A kind has become unconstrained, or constrained.",
     CheckUnconstrainedChanged},
    {"limit-stricter", "A limit is new or lower.", CheckLimitStricter},
    {"unique-added", "A field that was there has become unique, or in a wider scope.",
     CheckUniqueAdded},
};

std::vector<BreakingRule> AllRules() {
  std::vector<BreakingRule> all(std::begin(kRules), std::end(kRules));
  const auto more = BreakingFieldRules();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

std::vector<Diagnostic> FindBreakingChanges(const Schema& before, const Schema& next) {
  std::vector<Diagnostic> findings;
  for (const BreakingRule& rule : AllRules()) {
    rule.check(before, next, Report(rule.id, &findings));
  }
  SortFindings(findings);
  return findings;
}

std::vector<RuleInfo> BreakingChangeRules() {
  std::vector<RuleInfo> result;
  for (const BreakingRule& rule : AllRules()) result.push_back({rule.id, rule.summary});
  return result;
}

}  // namespace holdfast::schema
