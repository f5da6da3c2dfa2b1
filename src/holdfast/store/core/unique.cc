#include "holdfast/store/core/unique.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::store {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string TextOf(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(message, field);
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(reflection->GetEnumValue(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(reflection->GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(reflection->GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return reflection->GetMessage(message, field).SerializeAsString();
  }
  return "";
}

std::string ValueAt(const Message& resource, const std::vector<schema::PathStep>& steps) {
  const Message* message = &resource;
  for (size_t i = 0; i < steps.size(); ++i) {
    const FieldDescriptor* field = steps[i].field;
    if (!message->GetReflection()->HasField(*message, field)) return "";
    if (i + 1 == steps.size()) return TextOf(*message, field);
    message = &message->GetReflection()->GetMessage(*message, field);
  }
  return "";
}

}  // namespace

std::vector<storage::UniqueValue> UniqueValuesOf(const KindPlan& plan, const ResourceName& name,
                                                 const Message& resource) {
  std::vector<storage::UniqueValue> values;
  for (const schema::UniqueRule& rule : plan.kind->unique) {
    std::string value = ValueAt(resource, rule.steps);
    if (value.empty()) continue;
    std::string scope;
    if (rule.scope == schema::UniqueRule::Scope::kParent) {
      const std::optional<ResourceKey> parent = plan.kind->parent_of(name);
      if (parent.has_value()) scope = parent->name.str();
    }
    values.push_back({plan.name(), rule.path, std::move(scope), std::move(value)});
  }
  return values;
}

}  // namespace holdfast::store
