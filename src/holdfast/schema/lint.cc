#include "holdfast/schema/lint.h"

#include <algorithm>
#include <tuple>

#include "holdfast/schema/lint_check.h"
#include "holdfast/schema/lint_rules.h"

namespace holdfast::schema {
namespace {

std::vector<LintRule> AllRules() {
  std::vector<LintRule> all;
  for (auto theme : {ServiceRules(), KindRules(), PatternRules(), ReferenceRules(),
                     FieldRuleRules(), DeletionRules(), DerivedRules()}) {
    all.insert(all.end(), theme.begin(), theme.end());
  }
  return all;
}

}  // namespace

std::vector<Diagnostic> Lint(const Model& model) {
  std::vector<Diagnostic> findings;
  for (const LintRule& rule : AllRules()) rule.check(model, Report(rule.id, &findings));
  SortFindings(findings);
  return findings;
}

std::vector<RuleInfo> LintRules() {
  std::vector<RuleInfo> result;
  for (const LintRule& rule : AllRules()) result.push_back({rule.id, rule.summary});
  return result;
}

Place PlaceOfResource(const Kind& kind) {
  return PlaceOfOption(kind.message, google::api::resource.number());
}

Place PlaceOfRules(const Kind& kind) {
  return PlaceOfOption(kind.message, holdfast::resource.number());
}

void SortFindings(std::vector<Diagnostic>& findings) {
  auto key = [](const Diagnostic& d) {
    return std::tie(d.file, d.line, d.column, d.rule, d.message);
  };
  std::sort(findings.begin(), findings.end(),
            [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  auto same = [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
}

}  // namespace holdfast::schema
