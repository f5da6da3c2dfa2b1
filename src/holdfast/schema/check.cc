#include "holdfast/schema/check.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/schema/sources.h"

namespace holdfast::schema {

absl::StatusOr<std::vector<Diagnostic>> CheckSchema(const std::vector<std::string>& roots,
                                                    const std::vector<std::string>& against_roots) {
  std::vector<Diagnostic> findings;
  const auto next = Load({.roots = roots}, &findings);
  if (!findings.empty()) return findings;
  HF_RETURN_IF_ERROR(next.status());
  if (against_roots.empty()) return findings;
  const auto before = Load({.roots = against_roots});
  if (!before.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("can't compare with the older schema: ", before.status().message()));
  }
  findings = FindBreakingChanges(**before, **next);
  for (Diagnostic& finding : findings) finding.file = DiskPath(roots, finding.file);
  return findings;
}

}  // namespace holdfast::schema
