#include "holdfast/server/openapi_schemas.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/descriptor.pb.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

Json Integer(const char* format) { return {{"type", "integer"}, {"format", format}}; }
// 64 bits don't fit into JavaScript's numbers.
Json LongInteger(const char* format) { return {{"type", "string"}, {"format", format}}; }

Json OfScalar(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Integer("int32");
    case FieldDescriptor::CPPTYPE_UINT32:
      return Integer("uint32");
    case FieldDescriptor::CPPTYPE_INT64:
      return LongInteger("int64");
    case FieldDescriptor::CPPTYPE_UINT64:
      return LongInteger("uint64");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::CPPTYPE_FLOAT:
      return {{"type", "number"}, {"format", "float"}};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    default:
      break;
  }
  if (field->type() == FieldDescriptor::TYPE_BYTES) return {{"type", "string"}, {"format", "byte"}};
  return {{"type", "string"}};
}

bool IsWrapper(const pb::Descriptor* type) {
  return type->file()->name() == "google/protobuf/wrappers.proto";
}

const std::map<std::string, Json, std::less<>>& WellKnown() {
  static const auto* schemas = new std::map<std::string, Json, std::less<>>{
      {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
      {"google.protobuf.Duration",
       {{"type", "string"}, {"pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$"}, {"example", "1.5s"}}},
      {"google.protobuf.FieldMask",
       {{"type", "string"}, {"description", "Paths, separated by commas."}}},
      {"google.protobuf.Empty", {{"type", "object"}}},
      {"google.protobuf.Struct", {{"type", "object"}, {"additionalProperties", true}}},
      {"google.protobuf.Value", Json::object()},
      {"google.protobuf.ListValue", {{"type", "array"}, {"items", Json::object()}}},
      {"google.protobuf.Any",
       {{"type", "object"},
        {"properties", {{"@type", {{"type", "string"}}}}},
        {"additionalProperties", true}}},
  };
  return *schemas;
}

// In OpenAPI 3.0 nothing beside a $ref counts.
Json Annotated(Json schema, const Json& more) {
  if (more.empty()) return schema;
  if (schema.contains("$ref")) schema = {{"allOf", Json::array({std::move(schema)})}};
  schema.update(more);
  return schema;
}

bool Has(const FieldDescriptor* field, google::api::FieldBehavior behavior) {
  const pb::FieldOptions& options = field->options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == behavior) return true;
  }
  return false;
}

Json AnnotationsOf(const FieldDescriptor* field) {
  Json out = Json::object();
  const std::string comment = CommentOf(field);
  if (!comment.empty()) out["description"] = comment;
  if (Has(field, google::api::OUTPUT_ONLY)) out["readOnly"] = true;
  const auto& reference = field->options().GetExtension(google::api::resource_reference);
  if (!reference.type().empty()) out["x-resource-type"] = reference.type();
  if (const pb::OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
    out["x-oneof"] = oneof->name();
  }
  return out;
}

std::string ComponentOf(const std::string& full_name) {
  return "#/components/schemas/" + full_name;
}

}  // namespace

template <class Descriptor>
std::string CommentOf(const Descriptor* descriptor) {
  pb::SourceLocation location;
  if (!descriptor->GetSourceLocation(&location)) return "";
  std::vector<std::string> lines = absl::StrSplit(location.leading_comments, '\n');
  for (std::string& line : lines) absl::StripAsciiWhitespace(&line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return absl::StrJoin(lines, "\n");
}

template std::string CommentOf(const pb::Descriptor*);
template std::string CommentOf(const pb::EnumDescriptor*);
template std::string CommentOf(const pb::FieldDescriptor*);
template std::string CommentOf(const pb::MethodDescriptor*);
template std::string CommentOf(const pb::ServiceDescriptor*);

bool IsWellKnown(const pb::Descriptor* type) {
  return IsWrapper(type) || WellKnown().contains(type->full_name());
}

bool IsTextual(const pb::Descriptor* type) {
  const std::string& name = type->full_name();
  return IsWrapper(type) || name == "google.protobuf.Timestamp" ||
         name == "google.protobuf.Duration" || name == "google.protobuf.FieldMask";
}

Json SchemaWriter::of_message(const pb::Descriptor* type) {
  if (IsWrapper(type)) return Annotated(OfScalar(type->field(0)), {{"nullable", true}});
  const auto found = WellKnown().find(type->full_name());
  if (found != WellKnown().end()) return found->second;
  if (known_.insert(type->full_name()).second) waiting_.push_back(type);
  return {{"$ref", ComponentOf(type->full_name())}};
}

Json SchemaWriter::of_enum(const pb::EnumDescriptor* type) {
  if (type->full_name() == "google.protobuf.NullValue") return {{"nullable", true}};
  if (known_.insert(type->full_name()).second) {
    Json values = Json::array();
    for (int i = 0; i < type->value_count(); ++i) values.push_back(type->value(i)->name());
    Json& schema = written_[type->full_name()];
    schema = {{"type", "string"}, {"enum", std::move(values)}};
    const std::string comment = CommentOf(type);
    if (!comment.empty()) schema["description"] = comment;
  }
  return {{"$ref", ComponentOf(type->full_name())}};
}

Json SchemaWriter::of_value(const FieldDescriptor* field) {
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return of_message(field->message_type());
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return of_enum(field->enum_type());
  return OfScalar(field);
}

Json SchemaWriter::of_field(const FieldDescriptor* field) {
  Json schema;
  if (field->is_map()) {
    schema = {{"type", "object"},
              {"additionalProperties", of_value(field->message_type()->map_value())}};
  } else if (field->is_repeated()) {
    schema = {{"type", "array"}, {"items", of_value(field)}};
  } else {
    schema = of_value(field);
  }
  return Annotated(std::move(schema), AnnotationsOf(field));
}

Json SchemaWriter::write(const pb::Descriptor* type) {
  Json properties = Json::object();
  Json required = Json::array();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    properties[field->json_name()] = of_field(field);
    if (Has(field, google::api::REQUIRED)) required.push_back(field->json_name());
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  const std::string comment = CommentOf(type);
  if (!comment.empty()) schema["description"] = comment;
  return schema;
}

Json SchemaWriter::components() {
  while (!waiting_.empty()) {
    const pb::Descriptor* type = waiting_.back();
    waiting_.pop_back();
    Json schema = write(type);
    written_[type->full_name()] = std::move(schema);
  }
  Json out = Json::object();
  for (const auto& [name, schema] : written_) out[name] = schema;
  return out;
}

}  // namespace holdfast::server
