// create, update, delete: one resource.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/fields.h"
#include "holdfast/app/holdfast/manifest.h"
#include "holdfast/base/macros.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// What is to be written, and which fields of it --set has assigned.
struct Description {
  Manifest manifest;
  std::vector<std::string> assigned;
};

absl::StatusOr<Manifest> ReadOne(Context& context, const std::string& file) {
  HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(file));
  HF_ASSIGN_OR_RETURN(std::vector<Manifest> manifests,
                      ParseManifests(text, file, context.catalog(), context.client()));
  if (manifests.size() == 1) return std::move(manifests[0]);
  return absl::InvalidArgumentError(absl::StrCat(file, " has ", manifests.size(),
                                                 " resources; use `holdfast apply` for several"));
}

// The resource that the flags describe: the file's, with --set over it.
absl::StatusOr<Description> Describe(Context& context, const WriteFlags& flags) {
  Description result;
  Manifest& manifest = result.manifest;
  if (flags.name.empty() && flags.file.empty()) {
    return absl::InvalidArgumentError("give the resource's name, or a file with -f");
  }
  if (!flags.file.empty()) {
    HF_ASSIGN_OR_RETURN(manifest, ReadOne(context, flags.file));
  } else {
    manifest.name = flags.name;
    HF_ASSIGN_OR_RETURN(manifest.kind, context.catalog().find_by_name(flags.name));
    manifest.resource = context.client().new_message(manifest.kind->type);
    SetText(*manifest.resource, "name", manifest.name);
  }
  for (const std::string& assignment : flags.assignments) {
    HF_ASSIGN_OR_RETURN(std::string path, SetField(*manifest.resource, assignment));
    result.assigned.push_back(std::move(path));
  }
  return result;
}

// Without --mask an update with a file changes what the file sets: the server's default. Without a
// file it changes what was assigned, which may be to nothing.
std::vector<std::string> ChooseMask(const WriteFlags& flags, const Description& description) {
  if (!flags.mask.empty()) return flags.mask;
  return flags.file.empty() ? description.assigned : std::vector<std::string>();
}

void SetCommon(Message& request, const WriteFlags& flags) {
  SetText(request, "request_id", flags.request_id);
  if (flags.dry_run) SetFlag(request, "validate_only");
}

absl::Status CallAndPrint(Context& context, const MethodDescriptor* method,
                          const Message& request) {
  HF_ASSIGN_OR_RETURN(const real::MessagePtr resource, context.call(method, request));
  const Format format = context.format() == Format::kTable ? Format::kYaml : context.format();
  Printer(std::cout, format).add(*resource);
  return absl::OkStatus();
}

}  // namespace

absl::Status Create(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Description description, Describe(context, flags));
  const Manifest& manifest = description.manifest;
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(*manifest.kind, "Create"));
  const real::MessagePtr request = context.client().new_request(method);
  const NameParts parts = SplitName(manifest.name);
  SetText(*request, "parent", parts.parent);
  SetText(*request, absl::StrCat(manifest.kind->singular, "_id"), parts.id);
  Mutable(*request, manifest.kind->singular)->CopyFrom(*manifest.resource);
  SetCommon(*request, flags);
  return CallAndPrint(context, method, *request);
}

absl::Status Update(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Description description, Describe(context, flags));
  const Manifest& manifest = description.manifest;
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(*manifest.kind, "Update"));
  const real::MessagePtr request = context.client().new_request(method);
  Message* resource = Mutable(*request, manifest.kind->singular);
  resource->CopyFrom(*manifest.resource);
  if (!flags.etag.empty()) SetText(*Mutable(*resource, "metadata"), "etag", flags.etag);
  for (const std::string& path : ChooseMask(flags, description)) {
    AddText(*Mutable(*request, "update_mask"), "paths", path);
  }
  if (flags.allow_missing) SetFlag(*request, "allow_missing");
  SetCommon(*request, flags);
  return CallAndPrint(context, method, *request);
}

absl::Status Delete(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(flags.name));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(*kind, "Delete"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "name", flags.name);
  SetText(*request, "etag", flags.etag);
  SetText(*request, "plan_digest", flags.plan_digest);
  if (flags.force) SetFlag(*request, "force");
  if (flags.allow_missing) SetFlag(*request, "allow_missing");
  SetCommon(*request, flags);
  HF_RETURN_IF_ERROR(context.call(method, *request).status());
  std::cout << (flags.dry_run ? "would delete " : "deleted ") << flags.name << "\n";
  return absl::OkStatus();
}

}  // namespace holdfast::cli
