// schema check, kinds, export; fsck.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/base/macros.h"
#include "holdfast/schema/check.h"
#include "holdfast/schema/export.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// The file and all that it imports, besides what every protobuf user has.
void CollectFiles(const FileDescriptor* file, std::set<const FileDescriptor*>& files) {
  if (file->package().rfind("google.protobuf", 0) == 0 || !files.insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) CollectFiles(file->dependency(i), files);
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
  return absl::FailedPreconditionError(absl::StrCat(findings.size(), " findings"));
}

absl::Status SchemaKinds(Context& context) {
  for (const ServedKind& kind : context.catalog().kinds()) {
    std::vector<std::string> patterns;
    for (const schema::NamePattern& pattern : kind.patterns) patterns.push_back(pattern.text());
    std::cout << kind.name << "  " << kind.plural << "  " << absl::StrJoin(patterns, ", ") << "\n";
  }
  return absl::OkStatus();
}

absl::Status SchemaExport(Context& context, const std::string& folder) {
  std::set<const FileDescriptor*> files;
  for (const auto* service : context.client().services()) CollectFiles(service->file(), files);
  for (const FileDescriptor* file : files) {
    const std::filesystem::path path = std::filesystem::path(folder) / file->name();
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream out(path);
    out << schema::ExportProto(*file);
    if (!out.flush()) return absl::UnavailableError(absl::StrCat("can't write ", path.string()));
    std::cout << path.string() << "\n";
  }
  return absl::OkStatus();
}

absl::Status Fsck(Context& context, const std::string& service) {
  const MethodDescriptor* method = context.client().find_method("holdfast.admin.v1.Admin.Fsck");
  if (method == nullptr) return absl::UnimplementedError("the server has no fsck");
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "service", service);
  HF_ASSIGN_OR_RETURN(const real::MessagePtr report,
                      context.client().call(method, *request, context.call_options()));
  if (context.format() == Format::kJson || context.format() == Format::kYaml) {
    Printer(std::cout, context.format()).add(*report);
  } else {
    for (const Message* finding : Elements(*report, "findings")) {
      std::cout << GetText(*finding, "rule") << "  " << GetText(*finding, "name") << "  "
                << GetText(*finding, "detail") << "\n";
    }
    std::cout << GetNumber(*report, "rows") << " rows, " << GetNumber(*report, "references")
              << " references, " << GetNumber(*report, "total_findings") << " findings\n";
  }
  if (GetNumber(*report, "total_findings") == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("the database isn't clean");
}

}  // namespace holdfast::cli
