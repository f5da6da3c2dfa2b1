// Every rule that a schema is held to, by id: the linter's, and those of FindBreakingChanges. For
// documentation, and for the test that each has a test in which exactly it fires.
#pragma once

#include <string_view>
#include <vector>

namespace holdfast::schema {

struct RuleInfo {
  std::string_view id;       // "reference-unknown-kind": what Diagnostic::rule holds
  std::string_view summary;  // one sentence: what is refused
};

[[nodiscard]] std::vector<RuleInfo> LintRules();
[[nodiscard]] std::vector<RuleInfo> BreakingChangeRules();

}  // namespace holdfast::schema
