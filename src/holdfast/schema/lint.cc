#include "holdfast/schema/lint.h"

#include <algorithm>
#include <tuple>

namespace holdfast::schema {

std::vector<Diagnostic> Lint(const Model& model) {
  static_cast<void>(model);
  return {};
}

void SortFindings(std::vector<Diagnostic>& findings) {
  auto key = [](const Diagnostic& d) {
    return std::tie(d.file, d.line, d.column, d.rule, d.message);
  };
  std::sort(findings.begin(), findings.end(),
            [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  findings.erase(
      std::unique(findings.begin(), findings.end(),
                  [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); }),
      findings.end());
}

}  // namespace holdfast::schema
