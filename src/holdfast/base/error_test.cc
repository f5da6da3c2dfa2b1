#include "holdfast/base/error.h"

#include <gtest/gtest.h>

#include <set>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/base/strings.h"

namespace holdfast {
namespace {

using absl::StatusCode;

struct Line {
  Reason reason;
  std::string_view text;
  StatusCode code;
  bool retryable;
};

// What clients rely on, written down a second time on purpose: a change of the table in reason.cc
// is a change of the API, and must be made here too.
constexpr Line kContract[] = {
    {Reason::kInvalidField, "INVALID_FIELD", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidName, "INVALID_NAME", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidFilter, "INVALID_FILTER", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidOrderBy, "INVALID_ORDER_BY", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidMask, "INVALID_MASK", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidPageToken, "INVALID_PAGE_TOKEN", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidResumeToken, "INVALID_RESUME_TOKEN", StatusCode::kInvalidArgument, false},
    {Reason::kMalformedRequest, "MALFORMED_REQUEST", StatusCode::kInvalidArgument, false},
    {Reason::kRequestIdReused, "REQUEST_ID_REUSED", StatusCode::kInvalidArgument, false},
    {Reason::kTooManyOperations, "TOO_MANY_OPERATIONS", StatusCode::kInvalidArgument, false},
    {Reason::kResourceNotFound, "RESOURCE_NOT_FOUND", StatusCode::kNotFound, false},
    {Reason::kParentNotFound, "PARENT_NOT_FOUND", StatusCode::kNotFound, false},
    {Reason::kResourceExists, "RESOURCE_EXISTS", StatusCode::kAlreadyExists, false},
    {Reason::kFieldValueTaken, "FIELD_VALUE_TAKEN", StatusCode::kAlreadyExists, false},
    {Reason::kDeleteBlocked, "DELETE_BLOCKED", StatusCode::kFailedPrecondition, false},
    {Reason::kDeletionProtected, "DELETION_PROTECTED", StatusCode::kFailedPrecondition, false},
    {Reason::kReferenceNotFound, "REFERENCE_NOT_FOUND", StatusCode::kFailedPrecondition, false},
    {Reason::kPlanChanged, "PLAN_CHANGED", StatusCode::kFailedPrecondition, false},
    {Reason::kSchemaNewer, "SCHEMA_NEWER", StatusCode::kFailedPrecondition, false},
    {Reason::kEtagMismatch, "ETAG_MISMATCH", StatusCode::kAborted, false},
    {Reason::kNameBeingDeleted, "NAME_BEING_DELETED", StatusCode::kAborted, true},
    {Reason::kParentDeleting, "PARENT_DELETING", StatusCode::kAborted, false},
    {Reason::kConflict, "CONFLICT", StatusCode::kAborted, true},
    {Reason::kResumeTooOld, "RESUME_TOO_OLD", StatusCode::kOutOfRange, false},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", StatusCode::kResourceExhausted, false},
    {Reason::kOverloaded, "OVERLOADED", StatusCode::kResourceExhausted, true},
    {Reason::kTooManyMatches, "TOO_MANY_MATCHES", StatusCode::kResourceExhausted, false},
    {Reason::kDatabaseUnavailable, "DATABASE_UNAVAILABLE", StatusCode::kUnavailable, true},
    {Reason::kCommitUnknown, "COMMIT_UNKNOWN", StatusCode::kUnavailable, false},
    {Reason::kShuttingDown, "SHUTTING_DOWN", StatusCode::kUnavailable, true},
    {Reason::kMethodUnknown, "METHOD_UNKNOWN", StatusCode::kUnimplemented, false},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", StatusCode::kDeadlineExceeded, true},
    {Reason::kCancelled, "CANCELLED", StatusCode::kCancelled, false},
    {Reason::kInternal, "INTERNAL", StatusCode::kInternal, false},
};

google::rpc::Status OnTheWire(const absl::Status& status) {
  google::rpc::Status parsed;
  EXPECT_TRUE(parsed.ParseFromString(ToRpcStatus(status)));
  return parsed;
}

// The first detail of that type; an empty message if there is none.
template <class Message>
Message DetailOf(const absl::Status& status) {
  Message message;
  const google::rpc::Status wire = OnTheWire(status);
  for (const auto& any : wire.details()) {
    if (any.Is<Message>()) {
      EXPECT_TRUE(any.UnpackTo(&message));
      break;
    }
  }
  return message;
}

ErrorDetails::Violation Violation(std::string subject, std::string description) {
  return {.type = "", .subject = std::move(subject), .description = std::move(description)};
}

TEST(Error, WritesTheBytesThatProtobufWouldWrite) {
  for (const Line& line : kContract) {
    google::rpc::ErrorInfo info;
    info.set_reason(std::string(line.text));
    info.set_domain("holdfast.dev");
    const auto payload = MakeError(line.reason, "no").GetPayload(ToAbsl(kErrorInfoType));
    ASSERT_TRUE(payload.has_value());
    EXPECT_EQ(std::string(*payload), info.SerializeAsString());
  }
}

TEST(ErrorTable, EachReasonHasItsTextItsCodeAndItsRetryability) {
  for (const Line& line : kContract) {
    EXPECT_EQ(ReasonText(line.reason), line.text);
    EXPECT_EQ(CodeOf(line.reason), line.code) << line.text;
    EXPECT_EQ(IsRetryable(line.reason), line.retryable) << line.text;
  }
}

TEST(ErrorTable, TheContractNamesEveryReasonOnce) {
  std::set<Reason> reasons;
  for (const Line& line : kContract) reasons.insert(line.reason);
  EXPECT_EQ(reasons.size(), std::size(kContract));
  EXPECT_EQ(reasons.size(), static_cast<size_t>(Reason::kInternal) + 1);
}

TEST(Error, EachReasonComesBackFromTheWire) {
  for (const Line& line : kContract) {
    const absl::Status made = MakeError(line.reason, "what and why");
    const absl::Status back = FromRpcStatus(ToRpcStatus(made));
    EXPECT_EQ(ReasonOf(made), line.reason);
    EXPECT_EQ(ReasonOf(back), line.reason);
    EXPECT_EQ(back, made);
    const auto info = DetailOf<google::rpc::ErrorInfo>(made);
    EXPECT_EQ(info.reason(), std::string(line.text));
    EXPECT_EQ(info.domain(), "holdfast.dev");
  }
}

TEST(Error, CarriesAllDetailsThatWereFilled) {
  ErrorDetails details;
  details.metadata = {{"operation", "3"}};
  details.resource = ResourceKey{KindName("network.acme.com/Vpc"), ResourceName("vpcs/main")};
  details.preconditions = {{.type = "BLOCKED_BY", .subject = "subnets/a", .description = "vpc"}};
  details.quotas = {Violation("limit:vpcs", "10 of 10")};
  details.fields = {Violation("vpc.cidr", "not a CIDR")};
  details.retry_after = Milliseconds(1500);
  const absl::Status status = MakeError(Reason::kDeleteBlocked, "blocked", details);

  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("operation"), "3");
  const auto resource = DetailOf<google::rpc::ResourceInfo>(status);
  EXPECT_EQ(resource.resource_type(), "network.acme.com/Vpc");
  EXPECT_EQ(resource.resource_name(), "vpcs/main");
  const auto preconditions = DetailOf<google::rpc::PreconditionFailure>(status);
  ASSERT_EQ(preconditions.violations_size(), 1);
  EXPECT_EQ(preconditions.violations(0).type(), "BLOCKED_BY");
  EXPECT_EQ(preconditions.violations(0).subject(), "subnets/a");
  const auto quotas = DetailOf<google::rpc::QuotaFailure>(status);
  ASSERT_EQ(quotas.violations_size(), 1);
  EXPECT_EQ(quotas.violations(0).description(), "10 of 10");
  const auto fields = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(fields.field_violations_size(), 1);
  EXPECT_EQ(fields.field_violations(0).field(), "vpc.cidr");
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(OnTheWire(status).details_size(), 6);
}

TEST(Error, HasNoDetailsThatWereNotFilled) {
  EXPECT_EQ(OnTheWire(MakeError(Reason::kConflict, "lost")).details_size(), 1);
}

TEST(Error, IsTheSameBytesEachTimeWithErrorInfoFirst) {
  ErrorDetails details;
  for (int i = 0; i < 50; ++i) details.metadata["key" + std::to_string(i)] = "value";
  details.fields = {Violation("a", "b")};
  details.retry_after = Seconds(1);
  const std::string bytes = ToRpcStatus(MakeError(Reason::kInvalidField, "x", details));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ToRpcStatus(MakeError(Reason::kInvalidField, "x", details)), bytes);
  }
  google::rpc::Status parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_TRUE(parsed.details(0).Is<google::rpc::ErrorInfo>());
}

TEST(FieldError, NamesTheFieldInTheMessageAndInTheViolation) {
  const absl::Status status = FieldError(Reason::kInvalidField, "vpc.cidr", "is not a CIDR");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "vpc.cidr: is not a CIDR");
  const auto fields = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(fields.field_violations_size(), 1);
  EXPECT_EQ(fields.field_violations(0).field(), "vpc.cidr");
  EXPECT_EQ(fields.field_violations(0).description(), "is not a CIDR");
}

TEST(AddErrorMetadata, KeepsTheReasonAndTheOtherDetails) {
  ErrorDetails details;
  details.metadata = {{"kept", "yes"}};
  details.fields = {Violation("name", "taken")};
  const absl::Status inner = MakeError(Reason::kFieldValueTaken, "the name is taken", details);
  const absl::Status outer = AddErrorMetadata(inner, "operation", "7", "operation 7: ");
  EXPECT_EQ(ReasonOf(outer), Reason::kFieldValueTaken);
  EXPECT_EQ(outer.message(), "operation 7: the name is taken");
  const auto info = DetailOf<google::rpc::ErrorInfo>(outer);
  EXPECT_EQ(info.metadata().at("operation"), "7");
  EXPECT_EQ(info.metadata().at("kept"), "yes");
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(outer).field_violations_size(), 1);
}

TEST(AddErrorMetadata, GivesAReasonToAnErrorThatHadNone) {
  const absl::Status status = AddErrorMetadata(absl::UnknownError("odd"), "step", "insert");
  EXPECT_EQ(ReasonOf(status), Reason::kInternal);
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("step"), "insert");
}

TEST(AddErrorMetadata, LeavesOkAlone) {
  EXPECT_TRUE(AddErrorMetadata(absl::OkStatus(), "key", "value", "prefix").ok());
}

TEST(ReasonOf, IsNothingForOkAndForOthersErrors) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::AbortedError("theirs")), std::nullopt);
  google::rpc::ErrorInfo theirs;
  theirs.set_reason("CONFLICT");
  theirs.set_domain("example.com");
  absl::Status status = absl::AbortedError("theirs");
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                    absl::Cord(theirs.SerializeAsString()));
  EXPECT_EQ(ReasonOf(status), std::nullopt);
}

TEST(ToRpcStatus, GivesOthersErrorsTheReasonThatFitsTheirCode) {
  const std::pair<absl::Status, Reason> cases[] = {
      {absl::CancelledError("x"), Reason::kCancelled},
      {absl::InvalidArgumentError("x"), Reason::kMalformedRequest},
      {absl::DeadlineExceededError("x"), Reason::kDeadlineExceeded},
      {absl::NotFoundError("x"), Reason::kResourceNotFound},
      {absl::AlreadyExistsError("x"), Reason::kResourceExists},
      {absl::ResourceExhaustedError("x"), Reason::kOverloaded},
      {absl::AbortedError("x"), Reason::kConflict},
      {absl::UnimplementedError("x"), Reason::kMethodUnknown},
      {absl::UnavailableError("x"), Reason::kDatabaseUnavailable},
      {absl::UnknownError("x"), Reason::kInternal},
      {absl::DataLossError("x"), Reason::kInternal},
      {absl::InternalError("x"), Reason::kInternal},
  };
  for (const auto& [status, reason] : cases) {
    const absl::Status back = FromRpcStatus(ToRpcStatus(status));
    EXPECT_EQ(ReasonOf(back), reason) << status;
    EXPECT_EQ(back.code(), CodeOf(reason)) << status;
    EXPECT_EQ(back.message(), "x");
  }
}

TEST(ToRpcStatus, OfOkIsOk) { EXPECT_TRUE(FromRpcStatus(ToRpcStatus(absl::OkStatus())).ok()); }

TEST(FromRpcStatus, SurvivesWhatIsNoStatus) {
  EXPECT_EQ(FromRpcStatus("\xff\xff\xff").code(), StatusCode::kInternal);
  google::rpc::Status odd;
  odd.set_code(4711);
  odd.set_message("from the future");
  EXPECT_EQ(FromRpcStatus(odd.SerializeAsString()).code(), StatusCode::kUnknown);
}

// 8 KiB is what gRPC clients accept as trailers by default; base64 takes four bytes for three.
TEST(Error, FitsIntoTrailersHoweverLargeItsPartsAre) {
  const std::string huge(1 << 20, 'x');
  ErrorDetails details;
  details.metadata = {{"etag", huge}};
  details.resource = ResourceKey{KindName(huge), ResourceName(huge)};
  for (int i = 0; i < 1000; ++i) {
    details.preconditions.push_back({.type = "BLOCKED_BY",
                                     .subject = "devices/" + std::to_string(i),
                                     .description = "device.vpc"});
  }
  for (int i = 0; i < 10; ++i) details.fields.push_back(Violation(huge, huge));
  const absl::Status status = MakeError(Reason::kInvalidField, huge, details);
  const size_t on_the_wire = ToRpcStatus(status).size() * 4 / 3 + status.message().size();
  EXPECT_LE(on_the_wire, 8192u);
  EXPECT_LE(status.message().size(), kMaxErrorMessageBytes);
}

TEST(Error, KeepsTheFirstViolationsThatFitTheLimit) {
  ErrorDetails details;
  for (int i = 0; i < 1000; ++i) {
    details.preconditions.push_back(
        {.type = "BLOCKED_BY", .subject = std::to_string(i), .description = "vpc"});
  }
  const auto kept = DetailOf<google::rpc::PreconditionFailure>(
      MakeError(Reason::kDeleteBlocked, "blocked", details));
  ASSERT_GE(kept.violations_size(), 20);
  EXPECT_LE(kept.ByteSizeLong(), kMaxErrorDetailBytes);
  for (int i = 0; i < kept.violations_size(); ++i) {
    EXPECT_EQ(kept.violations(i).subject(), std::to_string(i));
  }
}

TEST(Error, IsValidUtf8WhateverTheRequestHeld) {
  ErrorDetails details;
  details.metadata = {{"name",
                       "a\xff"
                       "b"}};
  details.fields = {Violation("\xc0", "\xed\xa0\x80")};
  const absl::Status status = MakeError(Reason::kInvalidName, "bad name \xfe", details);
  EXPECT_TRUE(IsUtf8(ToStd(status.message())));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("name"),
            "a\uFFFD"
            "b");
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status).field_violations(0).field(), "\uFFFD");
}

TEST(Error, NegativeRetryDelaysBecomeZero) {
  ErrorDetails details;
  details.retry_after = Seconds(-5);
  const absl::Status status = MakeError(Reason::kOverloaded, "busy", details);
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(), 0);
}

}  // namespace
}  // namespace holdfast
