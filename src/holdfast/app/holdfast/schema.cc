// schema check, kinds, export; fsck.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/fields.h"
#include "holdfast/base/macros.h"
#include "holdfast/schema/check.h"
#include "holdfast/schema/export.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

using Files = std::map<std::string, const FileDescriptor*>;

// The file and all that it imports, besides what every protobuf user has.
void CollectFiles(const FileDescriptor* file, Files& files) {
  if (file->package().rfind("google.protobuf", 0) == 0) return;
  if (!files.emplace(file->name(), file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) CollectFiles(file->dependency(i), files);
}

// A server chooses the names of its files, but not where on this machine they go.
absl::StatusOr<std::filesystem::path> PathBelow(const std::string& folder,
                                                const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(name).lexically_normal();
  if (path.is_absolute() || path.empty() || *path.begin() == "..") {
    return absl::InvalidArgumentError(absl::StrCat("the server has a file named ", name));
  }
  return std::filesystem::path(folder) / path;
}

absl::Status WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream out(path);
  out << text;
  if (out.flush()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("can't write ", path.string()));
}

void PrintReport(const Message& report) {
  for (const Message* finding : Elements(report, "findings")) {
    std::cout << GetText(*finding, "rule") << "  " << GetText(*finding, "name") << "  "
              << GetText(*finding, "detail") << "\n";
  }
  std::cout << GetNumber(report, "rows") << " rows, " << GetNumber(report, "references")
            << " references, " << GetNumber(report, "total_findings") << " findings\n";
}

}  // namespace

absl::Status SchemaCheck(const std::vector<std::string>& roots,
                         const std::vector<std::string>& against) {
  HF_ASSIGN_OR_RETURN(const std::vector<schema::Diagnostic> findings,
                      schema::CheckSchema(roots, against));
  for (const schema::Diagnostic& finding : findings) std::cout << finding.str() << "\n";
  if (findings.empty()) {
    std::cout << "no findings\n";
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(findings.size(), findings.size() == 1 ? " finding" : " findings"));
}

absl::Status SchemaKinds(Context& context) {
  size_t name_width = 0;
  size_t plural_width = 0;
  for (const ServedKind& kind : context.catalog().kinds()) {
    name_width = std::max(name_width, kind.name.size());
    plural_width = std::max(plural_width, kind.plural.size());
  }
  for (const ServedKind& kind : context.catalog().kinds()) {
    std::vector<std::string> patterns;
    for (const schema::NamePattern& pattern : kind.patterns) patterns.push_back(pattern.text());
    std::cout << absl::StreamFormat("%-*s  %-*s  %s\n", name_width, kind.name, plural_width,
                                    kind.plural, absl::StrJoin(patterns, ", "));
  }
  return absl::OkStatus();
}

absl::Status SchemaExport(Context& context, const std::string& folder) {
  Files files;
  for (const auto* service : context.client().services()) CollectFiles(service->file(), files);
  for (const auto& [name, file] : files) {
    HF_ASSIGN_OR_RETURN(const std::filesystem::path path, PathBelow(folder, name));
    HF_RETURN_IF_ERROR(WriteFile(path, schema::ExportProto(*file)));
    std::cout << path.string() << "\n";
  }
  return absl::OkStatus();
}

absl::Status Fsck(Context& context, const std::string& service) {
  const MethodDescriptor* method = context.client().find_method("holdfast.admin.v1.Admin.Fsck");
  if (method == nullptr) return absl::UnimplementedError("the server has no fsck");
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "service", service);
  HF_ASSIGN_OR_RETURN(const real::MessagePtr report, context.call(method, *request));
  if (context.format() == Format::kJson || context.format() == Format::kYaml) {
    Printer(std::cout, context.format()).add(*report);
  } else {
    PrintReport(*report);
  }
  if (GetNumber(*report, "total_findings") == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("the database isn't clean");
}

}  // namespace holdfast::cli
