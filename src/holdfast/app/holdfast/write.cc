// create, update, delete: one resource.
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/manifest.h"
#include "holdfast/base/macros.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// The resource that the flags describe: the file's, with --set over it.
absl::StatusOr<Manifest> Describe(Context& context, const WriteFlags& flags) {
  Manifest manifest;
  if (!flags.file.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
    HF_ASSIGN_OR_RETURN(std::vector<Manifest> manifests,
                        ParseManifests(text, flags.file, context.catalog(), context.client()));
    if (manifests.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          flags.file, " has ", manifests.size(), " resources; use `holdfast apply` for several"));
    }
    manifest = std::move(manifests[0]);
  } else {
    manifest.name = flags.name;
    HF_ASSIGN_OR_RETURN(manifest.kind, context.catalog().find_by_name(flags.name));
    manifest.resource = context.client().new_message(manifest.kind->type);
    SetText(*manifest.resource, "name", manifest.name);
  }
  for (const std::string& assignment : flags.assignments) {
    HF_RETURN_IF_ERROR(SetField(*manifest.resource, assignment));
  }
  return manifest;
}

void SetCommon(Message& request, const WriteFlags& flags) {
  SetText(request, "request_id", flags.request_id);
  if (flags.dry_run) SetFlag(request, "validate_only");
}

absl::Status CallAndPrint(Context& context, const MethodDescriptor* method,
                          const Message& request) {
  HF_ASSIGN_OR_RETURN(const real::MessagePtr resource,
                      context.client().call(method, request, context.call_options()));
  const Format format = context.format() == Format::kTable ? Format::kYaml : context.format();
  Printer(std::cout, format).add(*resource);
  return absl::OkStatus();
}

}  // namespace

absl::Status Create(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Manifest manifest, Describe(context, flags));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, context.method(*manifest.kind, "Create"));
  const real::MessagePtr request = context.client().new_request(method);
  const size_t id = manifest.name.rfind('/');
  const size_t collection = manifest.name.rfind('/', id - 1);
  if (collection != std::string::npos) {
    SetText(*request, "parent", manifest.name.substr(0, collection));
  }
  SetText(*request, absl::StrCat(manifest.kind->singular, "_id"), manifest.name.substr(id + 1));
  Mutable(*request, manifest.kind->singular)->CopyFrom(*manifest.resource);
  SetCommon(*request, flags);
  return CallAndPrint(context, method, *request);
}

absl::Status Update(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Manifest manifest, Describe(context, flags));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, context.method(*manifest.kind, "Update"));
  const real::MessagePtr request = context.client().new_request(method);
  Message* resource = Mutable(*request, manifest.kind->singular);
  resource->CopyFrom(*manifest.resource);
  if (!flags.etag.empty()) SetText(*Mutable(*resource, "metadata"), "etag", flags.etag);
  for (const std::string& path : flags.mask) {
    AddText(*Mutable(*request, "update_mask"), "paths", path);
  }
  if (flags.allow_missing) SetFlag(*request, "allow_missing");
  SetCommon(*request, flags);
  return CallAndPrint(context, method, *request);
}

absl::Status Delete(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(flags.name));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, context.method(*kind, "Delete"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "name", flags.name);
  SetText(*request, "etag", flags.etag);
  SetText(*request, "plan_digest", flags.plan_digest);
  if (flags.force) SetFlag(*request, "force");
  if (flags.allow_missing) SetFlag(*request, "allow_missing");
  SetCommon(*request, flags);
  HF_ASSIGN_OR_RETURN(const real::MessagePtr answer,
                      context.client().call(method, *request, context.call_options()));
  std::cout << (flags.dry_run ? "would delete " : "deleted ") << flags.name << "\n";
  return absl::OkStatus();
}

}  // namespace holdfast::cli
