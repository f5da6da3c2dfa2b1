#include "holdfast/server/request.h"

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

bool HasWildcard(std::string_view parent) {
  for (std::string_view segment : schema::Segments(parent)) {
    if (segment == "-") return true;
  }
  return false;
}

std::string PatternList(const schema::Kind& kind) {
  return absl::StrJoin(kind.patterns, " or ",
                       [](std::string* out, const schema::NamePattern& pattern) {
                         absl::StrAppend(out, "\"", pattern.text(), "\"");
                       });
}

// What List takes as parent, for errors.
std::string CollectionList(const schema::Kind& kind) {
  return absl::StrJoin(
      kind.patterns, " or ", [](std::string* out, const schema::NamePattern& pattern) {
        const std::string& text = pattern.text();
        const size_t own = pattern.collection().size() + pattern.variables().back().size() + 3;
        absl::StrAppend(out, "\"", own < text.size() ? text.substr(0, text.size() - own - 1) : "",
                        "\"");
      });
}

}  // namespace

RequestFields::RequestFields(const pb::Descriptor* request, const schema::Kind* kind) {
  const auto find = [request](const std::string& field) { return request->FindFieldByName(field); };
  name = find("name");
  names = find("names");
  parent = find("parent");
  id = kind == nullptr ? nullptr : find(kind->singular + "_id");
  resource = kind == nullptr ? nullptr : find(kind->singular);
  page_size = find("page_size");
  page_token = find("page_token");
  filter = find("filter");
  order_by = find("order_by");
  show_deleted = find("show_deleted");
  read_mask = find("read_mask");
  update_mask = find("update_mask");
  allow_missing = find("allow_missing");
  force = find("force");
  etag = find("etag");
  plan_digest = find("plan_digest");
  request_id = find("request_id");
  validate_only = find("validate_only");
  resume_token = find("resume_token");
  operations = find("operations");
  label = find("label");
}

std::string Text(const pb::Message& request, RequestFields::Field field) {
  return field == nullptr ? std::string() : request.GetReflection()->GetString(request, field);
}

bool IsSet(const pb::Message& request, RequestFields::Field field) {
  return field != nullptr && request.GetReflection()->GetBool(request, field);
}

int64_t Number(const pb::Message& request, RequestFields::Field field) {
  return field == nullptr ? 0 : request.GetReflection()->GetInt32(request, field);
}

absl::StatusOr<ResourceName> ReadName(const schema::Kind& kind, std::string text,
                                      std::string_view field) {
  if (text.empty()) return FieldError(Reason::kInvalidName, field, "is required");
  if (text.size() > schema::kMaxNameBytes) {
    return FieldError(
        Reason::kInvalidName, field,
        absl::StrCat("has ", text.size(), " bytes; a name has at most ", schema::kMaxNameBytes));
  }
  ResourceName name(std::move(text));
  if (kind.match(name).has_value()) return name;
  return FieldError(Reason::kInvalidName, field,
                    absl::StrCat("\"", ForMessage(name.str()), "\" is no name of ", kind.name.str(),
                                 ": these are like ", PatternList(kind)));
}

absl::StatusOr<ResourceKey> ReadKey(const schema::Schema& schema, const schema::Service& service,
                                    std::string text, std::string_view field) {
  if (text.empty()) return FieldError(Reason::kInvalidName, field, "is required");
  ResourceName name(std::move(text));
  const schema::Kind* kind =
      name.str().size() > schema::kMaxNameBytes ? nullptr : schema.find_kind_by_name(service, name);
  // find_kind_by_name goes by the name's shape; ids are looked at here.
  if (kind != nullptr && kind->match(name).has_value()) return ResourceKey{kind->name, name};
  return FieldError(Reason::kInvalidName, field,
                    absl::StrCat("\"", ForMessage(name.str()), "\" is a name of no kind of ",
                                 service.domain.str()));
}

absl::StatusOr<const schema::NamePattern*> FindCollection(const schema::Kind& kind,
                                                          std::string_view parent,
                                                          std::string_view field,
                                                          Wildcards wildcards) {
  for (const schema::NamePattern& pattern : kind.patterns) {
    if (!pattern.matches_collection_parent(parent)) continue;
    if (wildcards == Wildcards::kAllowed || !HasWildcard(parent)) return &pattern;
    return FieldError(Reason::kInvalidName, field,
                      "must name one parent: \"-\" isn't allowed here");
  }
  if (parent.empty()) {
    return FieldError(Reason::kInvalidName, field,
                      absl::StrCat("is required; it is like ", CollectionList(kind)));
  }
  return FieldError(Reason::kInvalidName, field,
                    absl::StrCat("\"", ForMessage(parent), "\" can't be a parent of ",
                                 kind.name.str(), ": these are like ", CollectionList(kind)));
}

std::vector<std::string> MaskPaths(const pb::Message& request, RequestFields::Field field) {
  if (field == nullptr || !request.GetReflection()->HasField(request, field)) return {};
  const auto& mask =
      static_cast<const pb::FieldMask&>(request.GetReflection()->GetMessage(request, field));
  return {mask.paths().begin(), mask.paths().end()};
}

absl::StatusOr<filter::FieldMask> ReadMask(const pb::Message& request, RequestFields::Field field,
                                           const pb::Descriptor* type, std::string_view path) {
  return filter::FieldMask::Parse(MaskPaths(request, field), type, path);
}

absl::StatusOr<size_t> ReadPageSize(const pb::Message& request, RequestFields::Field field,
                                    size_t fallback) {
  const int64_t size = Number(request, field);
  if (size < 0) {
    return FieldError(Reason::kInvalidField, "page_size",
                      absl::StrCat("is ", size, "; it can't be negative"));
  }
  if (size == 0) return fallback;
  return std::min(static_cast<size_t>(size), kMaxPageSize);
}

absl::Status CheckPrintable(std::string_view text, size_t limit, std::string_view field) {
  if (text.size() > limit) {
    return FieldError(Reason::kInvalidField, field,
                      absl::StrCat("has ", text.size(), " bytes; at most ", limit, " are allowed"));
  }
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (printable) return absl::OkStatus();
  return FieldError(Reason::kInvalidField, field, "must be of printable ASCII characters");
}

std::string HashRequest(std::string_view method, const pb::Message& request,
                        const std::vector<RequestFields::Field>& left_out) {
  const std::unique_ptr<pb::Message> rest(request.New());
  rest->CopyFrom(request);
  for (RequestFields::Field field : left_out) {
    if (field != nullptr) rest->GetReflection()->ClearField(rest.get(), field);
  }
  std::string bytes(method);
  bytes.push_back('\0');
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    rest->SerializePartialToCodedStream(&out);
  }
  return Sha256(bytes);
}

absl::StatusOr<store::WriteRequest> ReadWriteOptions(std::string_view method,
                                                     const pb::Message& request,
                                                     const RequestFields& fields) {
  store::WriteRequest write;
  if (IsSet(request, fields.validate_only)) write.mode = store::WriteMode::kValidateOnly;
  write.request_id = Text(request, fields.request_id);
  HF_RETURN_IF_ERROR(CheckPrintable(write.request_id, kMaxRequestIdBytes, "request_id"));
  if (!write.request_id.empty()) {
    write.request_hash = HashRequest(method, request, {fields.request_id});
  }
  return write;
}

}  // namespace holdfast::server
