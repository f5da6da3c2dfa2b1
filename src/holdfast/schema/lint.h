// The linter: one function a rule, in a table (lint_rules.h lists them).
#pragma once

#include <vector>

#include "holdfast/schema/model.h"

namespace holdfast::schema {

// All findings of all rules, in order of place.
[[nodiscard]] std::vector<Diagnostic> Lint(const Model& model);

// Sorts by file, line, column and rule, and drops repetitions.
void SortFindings(std::vector<Diagnostic>& findings);

}  // namespace holdfast::schema
