#include "holdfast/app/holdfast/fields.h"

#include <utility>

#include "holdfast/base/check.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* Field(const Message& message, std::string_view name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  HF_CHECK(field != nullptr) << message.GetDescriptor()->full_name() << " has no " << name;
  return field;
}

std::vector<const Message*> ElementsOf(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  std::vector<const Message*> elements;
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    elements.push_back(&reflection->GetRepeatedMessage(message, field, i));
  }
  return elements;
}

}  // namespace

void SetText(Message& message, std::string_view field, std::string value) {
  message.GetReflection()->SetString(&message, Field(message, field), std::move(value));
}

void AddText(Message& message, std::string_view field, std::string value) {
  message.GetReflection()->AddString(&message, Field(message, field), std::move(value));
}

void SetNumber(Message& message, std::string_view field, int64_t value) {
  const FieldDescriptor* descriptor = Field(message, field);
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
    message.GetReflection()->SetInt32(&message, descriptor, static_cast<int32_t>(value));
  } else {
    message.GetReflection()->SetInt64(&message, descriptor, value);
  }
}

void SetFlag(Message& message, std::string_view field) {
  message.GetReflection()->SetBool(&message, Field(message, field), true);
}

std::string GetText(const Message& message, std::string_view field) {
  return message.GetReflection()->GetString(message, Field(message, field));
}

int64_t GetNumber(const Message& message, std::string_view field) {
  const FieldDescriptor* descriptor = Field(message, field);
  const auto* reflection = message.GetReflection();
  switch (descriptor->cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->GetEnumValue(message, descriptor);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, descriptor) ? 1 : 0;
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(message, descriptor);
    default:
      return reflection->GetInt64(message, descriptor);
  }
}

Message* Mutable(Message& message, std::string_view field) {
  return message.GetReflection()->MutableMessage(&message, Field(message, field));
}

std::vector<const Message*> Elements(const Message& message, std::string_view field) {
  return ElementsOf(message, Field(message, field));
}

std::vector<const Message*> Listed(const Message& response) {
  const FieldDescriptor* resources = response.GetDescriptor()->FindFieldByNumber(1);
  HF_CHECK(resources != nullptr) << response.GetDescriptor()->full_name() << " lists nothing";
  return ElementsOf(response, resources);
}

}  // namespace holdfast::cli
