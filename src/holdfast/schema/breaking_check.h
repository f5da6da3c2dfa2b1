// What a rule of FindBreakingChanges is made of. Internal.
#pragma once

#include <span>
#include <string_view>

#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {

struct BreakingRule {
  std::string_view id;
  std::string_view summary;
  void (*check)(const Schema& before, const Schema& next, const Report& report);
};

// Those about messages, enums and references.
[[nodiscard]] std::span<const BreakingRule> BreakingFieldRules();

}  // namespace holdfast::schema
