#include "holdfast/app/holdfast/errors.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace holdfast::cli {
namespace {

template <class Detail>
bool Unpack(const absl::Status& status, Detail& detail) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  return payload.has_value() && detail.ParseFromString(std::string(*payload));
}

// "  <subject>: <what is wrong>", without a subject only the latter; nothing if it was said before.
void AppendViolation(std::string& text, const std::string& subject, const std::string& problem) {
  const std::string line = absl::StrCat(subject, subject.empty() ? "" : ": ", problem);
  if (!absl::StrContains(text, line)) absl::StrAppend(&text, "\n  ", line);
}

}  // namespace

std::string Explain(const absl::Status& status) {
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
  google::rpc::ErrorInfo info;
  if (Unpack(status, info)) absl::StrAppend(&text, "\n  reason: ", info.reason());
  google::rpc::BadRequest bad;
  if (Unpack(status, bad)) {
    for (const auto& violation : bad.field_violations()) {
      AppendViolation(text, violation.field(), violation.description());
    }
  }
  google::rpc::PreconditionFailure precondition;
  if (Unpack(status, precondition)) {
    for (const auto& violation : precondition.violations()) {
      AppendViolation(text, absl::StrCat(violation.type(), " ", violation.subject()),
                      violation.description());
    }
  }
  google::rpc::QuotaFailure quota;
  if (Unpack(status, quota)) {
    for (const auto& violation : quota.violations()) {
      AppendViolation(text, violation.subject(), violation.description());
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
