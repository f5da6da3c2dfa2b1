#include "holdfast/real/http_reply.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/json_codec.h"

namespace holdfast::real {
namespace {

std::string_view Phrase(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Internal Server Error";
  }
}

// All details are of generated types, or shown without their content.
const JsonCodec& DetailCodec() {
  static const auto* codec = new JsonCodec({});  // never destroyed: threads may outlive main
  return *codec;
}

std::string DetailsJson(const google::rpc::Status& status) {
  std::vector<std::string> details;
  for (const google::protobuf::Any& any : status.details()) {
    absl::StatusOr<std::string> json = DetailCodec().print(any);
    if (json.ok()) details.push_back(*std::move(json));
  }
  return absl::StrCat("[", absl::StrJoin(details, ","), "]");
}

std::string Quoted(const std::string& text) {
  using Json = nlohmann::json;
  return Json(text).dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

google::rpc::Status RpcStatus(const absl::Status& status) {
  google::rpc::Status out;
  HF_CHECK(out.ParseFromString(ToRpcStatus(status))) << "our own status can't be parsed";
  return out;
}

// Whole seconds, at least one.
std::optional<int64_t> RetryAfter(const google::rpc::Status& status) {
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::RetryInfo retry;
    if (!any.Is<google::rpc::RetryInfo>() || !any.UnpackTo(&retry)) continue;
    const bool more = retry.retry_delay().nanos() > 0 || retry.retry_delay().seconds() == 0;
    return retry.retry_delay().seconds() + (more ? 1 : 0);
  }
  return std::nullopt;
}

}  // namespace

int HttpCodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string ErrorJson(const absl::Status& status, int code) {
  const google::rpc::Status rpc = RpcStatus(status);
  const auto name = absl::StatusCodeToString(static_cast<absl::StatusCode>(rpc.code()));
  return absl::StrCat(R"({"error":{"code":)", code == 0 ? HttpCodeOf(status.code()) : code,
                      R"(,"message":)", Quoted(rpc.message()), R"(,"status":")", name,
                      R"(","details":)", DetailsJson(rpc), "}}");
}

HttpReply ErrorReply(const absl::Status& status, int code) {
  HttpReply reply;
  reply.code = code == 0 ? HttpCodeOf(status.code()) : code;
  reply.body = ErrorJson(status, reply.code);
  if (const auto seconds = RetryAfter(RpcStatus(status)); seconds.has_value()) {
    reply.headers.emplace_back("Retry-After", absl::StrCat(*seconds));
  }
  return reply;
}

std::string ReplyHead(const HttpReply& reply, Timestamp now, Framing framing,
                      Persistence persistence) {
  const std::string date = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                            absl::FromUnixMicros(now.value()), absl::UTCTimeZone());
  std::string head =
      absl::StrCat("HTTP/1.1 ", reply.code, " ", ToAbsl(Phrase(reply.code)), "\r\nDate: ", date,
                   "\r\nContent-Type: ", reply.content_type,
                   // Nothing here is a page, and every answer is of this moment.
                   "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
  for (const auto& [name, value] : reply.headers) absl::StrAppend(&head, name, ": ", value, "\r\n");
  if (framing == Framing::kLength) {
    absl::StrAppend(&head, "Content-Length: ", reply.body.size(), "\r\n");
  } else if (framing == Framing::kChunked) {
    absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  }
  absl::StrAppend(&head, persistence == Persistence::kClose ? "Connection: close\r\n" : "", "\r\n");
  return head;
}

}  // namespace holdfast::real
