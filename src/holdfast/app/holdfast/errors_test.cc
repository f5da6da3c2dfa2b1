#include "holdfast/app/holdfast/errors.h"

#include <gtest/gtest.h>

#include "holdfast/base/error.h"

namespace holdfast::cli {
namespace {

TEST(ExitCodes, TellScriptsWhatTheyCanDo) {
  const struct {
    absl::StatusCode code;
    int exit_code;
  } table[] = {
      {absl::StatusCode::kOk, 0},
      {absl::StatusCode::kInvalidArgument, 2},
      {absl::StatusCode::kOutOfRange, 2},
      {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kFailedPrecondition, 4},
      {absl::StatusCode::kAlreadyExists, 4},
      {absl::StatusCode::kResourceExhausted, 4},
      {absl::StatusCode::kAborted, 5},
      {absl::StatusCode::kUnavailable, 6},
      {absl::StatusCode::kDeadlineExceeded, 6},
      {absl::StatusCode::kInternal, 1},
      {absl::StatusCode::kUnimplemented, 1},
      {absl::StatusCode::kPermissionDenied, 1},
  };
  for (const auto& row : table) {
    EXPECT_EQ(ExitCodeOf(absl::Status(row.code, "")), row.exit_code)
        << absl::StatusCodeToString(row.code);
  }
}

TEST(Explain, AddsTheReasonAndWhatStandsAgainstIt) {
  ErrorDetails details;
  details.preconditions = {{"BLOCKED_BY", "projects/p/instances/i", "refers to it by vpc"}};
  EXPECT_EQ(Explain(MakeError(Reason::kDeleteBlocked, "it is in use", details)),
            "FAILED_PRECONDITION: it is in use\n"
            "  reason: DELETE_BLOCKED\n"
            "  BLOCKED_BY projects/p/instances/i: refers to it by vpc");
}

TEST(Explain, SaysNothingTwice) {
  EXPECT_EQ(Explain(FieldError(Reason::kInvalidField, "vpc.vni", "must be positive")),
            "INVALID_ARGUMENT: vpc.vni: must be positive\n"
            "  reason: INVALID_FIELD");
}

TEST(Explain, NamesFieldsAndQuotas) {
  ErrorDetails fields;
  fields.fields = {{"", "vpc.vni", "must be positive"}, {"", "vpc.mtu", "is too large"}};
  EXPECT_EQ(Explain(MakeError(Reason::kInvalidField, "two are wrong", fields)),
            "INVALID_ARGUMENT: two are wrong\n"
            "  reason: INVALID_FIELD\n"
            "  vpc.vni: must be positive\n"
            "  vpc.mtu: is too large");
  ErrorDetails details;
  details.quotas = {{"", "projects/p", "3 of 3 are used"}};
  EXPECT_EQ(Explain(MakeError(Reason::kLimitExceeded, "full", details)),
            "RESOURCE_EXHAUSTED: full\n  reason: LIMIT_EXCEEDED\n  projects/p: 3 of 3 are used");
}

TEST(Explain, ShowsAPlainErrorAsItIs) {
  EXPECT_EQ(Explain(absl::UnavailableError("nobody there")), "UNAVAILABLE: nobody there");
}

}  // namespace
}  // namespace holdfast::cli
