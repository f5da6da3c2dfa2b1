#include "holdfast/real/http_reply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "holdfast/base/error.h"
#include "holdfast/testing/covers.h"

namespace holdfast::real {
namespace {

using Json = nlohmann::json;

TEST(ErrorReply, CarriesCodeReasonAndDetails) {
  HF_COVERS("B6");
  ErrorDetails details;
  details.metadata["operation"] = "3";
  details.resource = ResourceKey{KindName("a.b/C"), ResourceName("cs/c")};
  const HttpReply reply =
      ErrorReply(MakeError(Reason::kResourceNotFound, "there is no \"cs/c\"\n", details));
  EXPECT_EQ(reply.code, 404);
  const Json error = Json::parse(reply.body).at("error");
  EXPECT_EQ(error.at("code"), 404);
  EXPECT_EQ(error.at("status"), "NOT_FOUND");
  EXPECT_EQ(error.at("message"), "there is no \"cs/c\"\n");
  const Json& info = error.at("details").at(0);
  EXPECT_EQ(info.at("@type"), "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_EQ(info.at("reason"), "RESOURCE_NOT_FOUND");
  EXPECT_EQ(info.at("domain"), "holdfast.dev");
  EXPECT_EQ(info.at("metadata").at("operation"), "3");
  EXPECT_EQ(error.at("details").at(1).at("resourceName"), "cs/c");
  EXPECT_EQ(reply.body.find('\n'), std::string::npos);
}

TEST(ErrorReply, NamesTheField) {
  const HttpReply reply = ErrorReply(FieldError(Reason::kInvalidField, "vpc.cidr", "is odd"));
  const Json violation = Json::parse(reply.body)["error"]["details"][1]["fieldViolations"][0];
  EXPECT_EQ(violation["field"], "vpc.cidr");
  EXPECT_EQ(violation["description"], "is odd");
}

TEST(ErrorReply, GivesEveryCodeItsHttpCode) {
  const std::vector<std::pair<absl::StatusCode, int>> codes = {
      {absl::StatusCode::kCancelled, 499},         {absl::StatusCode::kUnknown, 500},
      {absl::StatusCode::kInvalidArgument, 400},   {absl::StatusCode::kDeadlineExceeded, 504},
      {absl::StatusCode::kNotFound, 404},          {absl::StatusCode::kAlreadyExists, 409},
      {absl::StatusCode::kPermissionDenied, 403},  {absl::StatusCode::kUnauthenticated, 401},
      {absl::StatusCode::kResourceExhausted, 429}, {absl::StatusCode::kFailedPrecondition, 400},
      {absl::StatusCode::kAborted, 409},           {absl::StatusCode::kOutOfRange, 400},
      {absl::StatusCode::kUnimplemented, 501},     {absl::StatusCode::kInternal, 500},
      {absl::StatusCode::kUnavailable, 503},       {absl::StatusCode::kDataLoss, 500},
  };
  for (const auto& [code, http] : codes) EXPECT_EQ(HttpCodeOf(code), http) << code;
}

TEST(ErrorReply, SaysWhenToComeAgain) {
  const auto retry = [](std::optional<Duration> after) {
    const HttpReply reply = ErrorReply(MakeError(Reason::kOverloaded, "x", {.retry_after = after}));
    return reply.headers.empty() ? "" : reply.headers[0].first + ": " + reply.headers[0].second;
  };
  EXPECT_EQ(retry(Seconds(2)), "Retry-After: 2");
  EXPECT_EQ(retry(Milliseconds(1500)), "Retry-After: 2");
  EXPECT_EQ(retry(Duration(0)), "Retry-After: 1");
  EXPECT_EQ(retry(std::nullopt), "");
}

TEST(ReplyHead, SaysHowTheBodyEnds) {
  HttpReply reply;
  reply.body = "{}";
  EXPECT_EQ(ReplyHead(reply, Timestamp(0), Framing::kLength, Persistence::kKeepAlive),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Content-Type: application/json; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
            "Cache-Control: no-store\r\nContent-Length: 2\r\n\r\n");
  const std::string chunked =
      ReplyHead(reply, Timestamp(0), Framing::kChunked, Persistence::kClose);
  EXPECT_NE(chunked.find("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"),
            std::string::npos);
  EXPECT_EQ(chunked.find("Content-Length"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::real
