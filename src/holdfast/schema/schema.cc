#include "holdfast/schema/schema.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/macros.h"
#include "holdfast/schema/compile.h"
#include "holdfast/schema/lint.h"
#include "holdfast/schema/model.h"
#include "holdfast/schema/schema_impl.h"
#include "holdfast/schema/sources.h"

namespace holdfast::schema {
namespace {

// More findings than a person reads at once; the rest comes when these are mended.
constexpr size_t kMaxFindingsInMessage = 50;

absl::Status ToStatus(const std::vector<Diagnostic>& findings) {
  std::string text = absl::StrCat("the schema has ", findings.size(),
                                  findings.size() == 1 ? " finding:" : " findings:");
  for (size_t i = 0; i < findings.size() && i < kMaxFindingsInMessage; ++i) {
    absl::StrAppend(&text, "\n", findings[i].str());
  }
  if (findings.size() > kMaxFindingsInMessage) absl::StrAppend(&text, "\n...");
  return absl::InvalidArgumentError(text);
}

absl::StatusOr<std::unique_ptr<Schema>> LoadSources(const Sources& sources,
                                                    std::vector<Diagnostic>& findings) {
  Compiled compiled = Compile(sources, findings);
  if (findings.empty()) {
    Model model = BuildModel(compiled.pool.get(), compiled.files);
    findings = Lint(model);
    if (findings.empty()) return SchemaImpl::Create(std::move(compiled), std::move(model));
  }
  SortFindings(findings);
  return absl::InvalidArgumentError("");  // the caller says which
}

}  // namespace

std::optional<size_t> Kind::match(const ResourceName& resource) const {
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].matches(resource.str())) return i;
  }
  return std::nullopt;
}

std::optional<ResourceKey> Kind::parent_of(const ResourceName& resource) const {
  const std::optional<size_t> pattern = match(resource);
  HF_CHECK(pattern.has_value()) << resource.str() << " isn't a name of " << name.str();
  const Kind* parent = parents[*pattern];
  if (parent == nullptr) return std::nullopt;
  return ResourceKey{parent->name, ResourceName(patterns[*pattern].parent_of(resource.str()))};
}

std::string Diagnostic::str() const {
  std::string place = file;
  if (line > 0) absl::StrAppend(&place, ":", line, ":", column);
  return absl::StrCat(place, ": [", rule, "] ", message);
}

absl::StatusOr<std::unique_ptr<Schema>> Load(const LoadOptions& options,
                                             std::vector<Diagnostic>* findings) {
  HF_ASSIGN_OR_RETURN(const Sources sources, ReadRoots(options.roots));
  std::vector<Diagnostic> found;
  absl::StatusOr<std::unique_ptr<Schema>> schema = LoadSources(sources, found);
  for (Diagnostic& finding : found) finding.file = DiskPath(options.roots, finding.file);
  if (findings != nullptr) *findings = found;
  if (!found.empty()) return ToStatus(found);
  return schema;
}

absl::StatusOr<std::unique_ptr<Schema>> LoadTexts(
    const std::vector<std::pair<std::string, std::string>>& files,
    std::vector<Diagnostic>* findings) {
  std::vector<Diagnostic> found;
  absl::StatusOr<std::unique_ptr<Schema>> schema =
      LoadSources(Sources(files.begin(), files.end()), found);
  if (findings != nullptr) *findings = found;
  if (!found.empty()) return ToStatus(found);
  return schema;
}

}  // namespace holdfast::schema
