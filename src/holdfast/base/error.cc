#include "holdfast/base/error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast {
namespace {

using absl::StatusCode;

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

// For statuses that some library made: the reason whose meaning their code has anyway.
Reason ReasonThatFits(StatusCode code) {
  switch (code) {
    case StatusCode::kCancelled:
      return Reason::kCancelled;
    case StatusCode::kInvalidArgument:
      return Reason::kMalformedRequest;
    case StatusCode::kDeadlineExceeded:
      return Reason::kDeadlineExceeded;
    case StatusCode::kNotFound:
      return Reason::kResourceNotFound;
    case StatusCode::kAlreadyExists:
      return Reason::kResourceExists;
    case StatusCode::kResourceExhausted:
      return Reason::kOverloaded;
    case StatusCode::kAborted:
      return Reason::kConflict;
    case StatusCode::kUnimplemented:
      return Reason::kMethodUnknown;
    case StatusCode::kUnavailable:
      return Reason::kDatabaseUnavailable;
    default:
      return Reason::kInternal;
  }
}

std::string Text(std::string_view s) { return ToUtf8(s, kMaxErrorTextBytes); }

template <class Message>
std::string TypeUrl() {
  return absl::StrCat(ToAbsl(kTypePrefix), Message::descriptor()->full_name());
}

template <class Message>
void Attach(const Message& message, absl::Status& status) {
  // Maps must not come out in an order that differs from run to run.
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream out(&bytes);
    google::protobuf::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  status.SetPayload(TypeUrl<Message>(), absl::Cord(std::move(bytes)));
}

template <class Message>
std::optional<Message> Attached(const absl::Status& status) {
  const auto payload = status.GetPayload(TypeUrl<Message>());
  if (!payload.has_value()) return std::nullopt;
  Message message;
  if (!message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

// Adds violations as long as the details stay under kMaxErrorDetailBytes in all.
class ViolationBudget {
 public:
  [[nodiscard]] bool take(const ErrorDetails::Violation& violation) {
    const size_t size = violation.type.size() +
                        std::min(violation.subject.size(), kMaxErrorTextBytes) +
                        std::min(violation.description.size(), kMaxErrorTextBytes) + kOverhead;
    if (size > left_) return false;
    left_ -= size;
    return true;
  }

 private:
  static constexpr size_t kOverhead = 16;  // tags and lengths
  size_t left_ = kMaxErrorDetailBytes;
};

void AttachViolations(const ErrorDetails& details, absl::Status& status) {
  ViolationBudget budget;
  google::rpc::BadRequest fields;
  for (const auto& violation : details.fields) {
    if (!budget.take(violation)) break;
    auto* field = fields.add_field_violations();
    field->set_field(Text(violation.subject));
    field->set_description(Text(violation.description));
  }
  if (!details.fields.empty()) Attach(fields, status);
  google::rpc::PreconditionFailure preconditions;
  for (const auto& violation : details.preconditions) {
    if (!budget.take(violation)) break;
    auto* precondition = preconditions.add_violations();
    precondition->set_type(Text(violation.type));
    precondition->set_subject(Text(violation.subject));
    precondition->set_description(Text(violation.description));
  }
  if (!details.preconditions.empty()) Attach(preconditions, status);
  google::rpc::QuotaFailure quotas;
  for (const auto& violation : details.quotas) {
    if (!budget.take(violation)) break;
    auto* quota = quotas.add_violations();
    quota->set_subject(Text(violation.subject));
    quota->set_description(Text(violation.description));
  }
  if (!details.quotas.empty()) Attach(quotas, status);
}

void AttachResource(const ResourceKey& key, absl::Status& status) {
  google::rpc::ResourceInfo resource;
  resource.set_resource_type(Text(key.kind.str()));
  resource.set_resource_name(Text(key.name.str()));
  Attach(resource, status);
}

void AttachRetry(Duration after, absl::Status& status) {
  constexpr int64_t kMicrosInSecond = 1'000'000;
  const int64_t micros = std::max<int64_t>(after.value(), 0);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(micros / kMicrosInSecond);
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(micros % kMicrosInSecond) * 1000);
  Attach(retry, status);
}

void AttachMetadata(const std::map<std::string, std::string>& metadata, absl::Status& status) {
  auto info = Attached<google::rpc::ErrorInfo>(status);
  HF_CHECK(info.has_value()) << "an error with a reason has an ErrorInfo";
  for (const auto& [key, value] : metadata) (*info->mutable_metadata())[Text(key)] = Text(value);
  Attach(*info, status);
}

// The same error, with an ErrorInfo if it had none.
absl::Status WithReason(const absl::Status& status) {
  if (status.ok() || ReasonOf(status).has_value()) return status;
  return MakeError(ReasonThatFits(status.code()), ToStd(status.message()));
}

void CopyPayloads(const absl::Status& from, absl::Status& to) {
  from.ForEachPayload(
      [&to](absl::string_view type, const absl::Cord& payload) { to.SetPayload(type, payload); });
}

}  // namespace

absl::Status MakeError(Reason reason, std::string_view message, ErrorDetails details) {
  absl::Status status = MakeError(reason, message);
  if (!details.metadata.empty()) AttachMetadata(details.metadata, status);
  if (details.resource.has_value()) AttachResource(*details.resource, status);
  AttachViolations(details, status);
  if (details.retry_after.has_value()) AttachRetry(*details.retry_after, status);
  return status;
}

absl::Status FieldError(Reason reason, std::string_view field_path, std::string_view problem) {
  ErrorDetails details;
  details.fields.push_back(
      {.type = "", .subject = std::string(field_path), .description = std::string(problem)});
  return MakeError(reason, absl::StrCat(ToAbsl(field_path), ": ", ToAbsl(problem)),
                   std::move(details));
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const auto info = Attached<google::rpc::ErrorInfo>(status);
  if (!info.has_value() || info->domain() != kErrorDomain) return std::nullopt;
  return ReasonFromText(info->reason());
}

absl::Status AddErrorMetadata(const absl::Status& status, std::string_view key,
                              std::string_view value, std::string_view prefix) {
  if (status.ok()) return status;
  const absl::Status old = WithReason(status);
  const std::string message = absl::StrCat(ToAbsl(prefix), old.message());
  absl::Status changed(old.code(), ToUtf8(message, kMaxErrorMessageBytes));
  CopyPayloads(old, changed);
  AttachMetadata({{std::string(key), std::string(value)}}, changed);
  return changed;
}

std::string ToRpcStatus(const absl::Status& status) {
  const absl::Status full = WithReason(status);
  // ErrorInfo first, the rest by type: absl keeps payloads in no order that it would promise.
  const std::string first = TypeUrl<google::rpc::ErrorInfo>();
  std::map<std::pair<bool, std::string>, std::string> payloads;
  full.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    payloads.emplace(std::pair(type != first, std::string(type)), std::string(payload));
  });
  google::rpc::Status out;
  out.set_code(static_cast<int>(full.code()));
  out.set_message(ToUtf8(ToStd(full.message()), kMaxErrorMessageBytes));
  for (auto& [key, payload] : payloads) {
    google::protobuf::Any* any = out.add_details();
    any->set_type_url(key.second);
    any->set_value(std::move(payload));
  }
  return out.SerializeAsString();
}

absl::Status FromRpcStatus(std::string_view serialized) {
  google::rpc::Status in;
  if (!in.ParseFromArray(serialized.data(), static_cast<int>(serialized.size()))) {
    return MakeError(Reason::kInternal, "the server's error isn't a google.rpc.Status");
  }
  constexpr int kLastCode = static_cast<int>(StatusCode::kUnauthenticated);
  const bool known = in.code() >= 0 && in.code() <= kLastCode;
  absl::Status status(known ? static_cast<StatusCode>(in.code()) : StatusCode::kUnknown,
                      in.message());
  for (const google::protobuf::Any& any : in.details()) {
    status.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return status;
}

}  // namespace holdfast
