// What a linter rule is made of, and the tables of them by theme. Internal.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/schema/model.h"
#include "holdfast/schema/place.h"

namespace holdfast::schema {

// Where one rule puts its findings.
class Report {
 public:
  Report(std::string_view rule, std::vector<Diagnostic>* findings)
      : rule_(rule), findings_(findings) {}

  void operator()(const Place& place, std::string message) const {
    findings_->push_back(
        {place.file, place.line, place.column, std::string(rule_), std::move(message)});
  }

 private:
  std::string_view rule_;
  std::vector<Diagnostic>* findings_;
};

struct LintRule {
  std::string_view id;
  std::string_view summary;
  void (*check)(const Model& model, const Report& report);
};

[[nodiscard]] std::span<const LintRule> ServiceRules();
[[nodiscard]] std::span<const LintRule> KindRules();
[[nodiscard]] std::span<const LintRule> PatternRules();
[[nodiscard]] std::span<const LintRule> ReferenceRules();
[[nodiscard]] std::span<const LintRule> FieldRuleRules();
[[nodiscard]] std::span<const LintRule> DeletionRules();
[[nodiscard]] std::span<const LintRule> DerivedRules();

// Where the kind's google.api.resource option is, and its holdfast.resource option.
[[nodiscard]] Place PlaceOfResource(const Kind& kind);
[[nodiscard]] Place PlaceOfRules(const Kind& kind);

}  // namespace holdfast::schema
