#include "holdfast/app/holdfast/context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

const FieldDescriptor* Field(const Message& message, std::string_view name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  HF_CHECK(field != nullptr) << message.GetDescriptor()->full_name() << " has no " << name;
  return field;
}

template <class Detail>
bool Unpack(const absl::Status& status, Detail& detail) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  return payload.has_value() && detail.ParseFromString(std::string(*payload));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Context>> Context::Connect(const GlobalFlags& flags) {
  std::unique_ptr<Context> context(new Context());
  HF_ASSIGN_OR_RETURN(context->format_, ParseFormat(flags.output));
  HF_ASSIGN_OR_RETURN(context->client_, real::Client::Connect(flags.server));
  context->catalog_ = std::make_unique<Catalog>(*context->client_);
  context->timeout_seconds_ = flags.timeout_seconds;
  return context;
}

real::CallOptions Context::call_options() const {
  return {.timeout = Duration(static_cast<int64_t>(timeout_seconds_ * 1e6))};
}

absl::StatusOr<const MethodDescriptor*> Context::method(const ServedKind& kind,
                                                        std::string_view verb) const {
  const MethodDescriptor* method = kind.method(verb);
  if (method != nullptr) return method;
  return absl::UnimplementedError(
      absl::StrCat("the server has no method ", ToAbsl(verb), " for ", kind.name));
}

absl::StatusOr<const MethodDescriptor*> Context::package_method(const ServedKind& kind,
                                                                std::string_view name) const {
  const MethodDescriptor* method =
      client_->find_method(absl::StrCat(kind.package, ".", ToAbsl(name)));
  if (method != nullptr) return method;
  return absl::UnimplementedError(
      absl::StrCat("the server has no method ", kind.package, ".", ToAbsl(name)));
}

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
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return reflection->GetEnumValue(message, descriptor);
  }
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    return reflection->GetBool(message, descriptor) ? 1 : 0;
  }
  return reflection->GetInt64(message, descriptor);
}

Message* Mutable(Message& message, std::string_view field) {
  return message.GetReflection()->MutableMessage(&message, Field(message, field));
}

std::vector<const Message*> Elements(const Message& message, std::string_view field) {
  const FieldDescriptor* descriptor = Field(message, field);
  const auto* reflection = message.GetReflection();
  std::vector<const Message*> elements;
  for (int i = 0; i < reflection->FieldSize(message, descriptor); ++i) {
    elements.push_back(&reflection->GetRepeatedMessage(message, descriptor, i));
  }
  return elements;
}

std::string Explain(const absl::Status& status) {
  std::string text =
      absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
  google::rpc::ErrorInfo info;
  if (Unpack(status, info)) absl::StrAppend(&text, "\n  reason: ", info.reason());
  google::rpc::BadRequest bad;
  if (Unpack(status, bad)) {
    for (const auto& violation : bad.field_violations()) {
      absl::StrAppend(&text, "\n  ", violation.field(), ": ", violation.description());
    }
  }
  google::rpc::PreconditionFailure precondition;
  if (Unpack(status, precondition)) {
    for (const auto& violation : precondition.violations()) {
      absl::StrAppend(&text, "\n  ", violation.type(), " ", violation.subject(), ": ",
                      violation.description());
    }
  }
  google::rpc::QuotaFailure quota;
  if (Unpack(status, quota)) {
    for (const auto& violation : quota.violations()) {
      absl::StrAppend(&text, "\n  ", violation.subject(), ": ", violation.description());
    }
  }
  return text;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return kExitRefused;
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    default:
      return kExitFailed;
  }
}

}  // namespace holdfast::cli
