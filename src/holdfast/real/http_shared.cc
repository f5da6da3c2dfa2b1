#include "holdfast/real/http_shared.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kWelcome =
    "Holdfast. The API: /openapi.json. For operators: /metrics, /healthz, /readyz.\n";

HttpReply TextReply(int code, std::string text) {
  return {.code = code, .content_type = std::string(kTextType), .body = std::move(text)};
}

HttpReply ReadyReply(const HttpOptions& options) {
  const absl::Status status = options.ready ? options.ready() : absl::OkStatus();
  if (status.ok()) return TextReply(200, "ready\n");
  return TextReply(503, absl::StrCat(status.message(), "\n"));
}

}  // namespace

absl::Status Overloaded(std::string_view what) {
  return MakeError(Reason::kOverloaded, what, {.retry_after = server::kRetryAfterOverload});
}

HttpMetrics::HttpMetrics(server::Metrics& metrics)
    : connections(metrics.add_gauge("holdfast_http_connections", "Open HTTP connections.")),
      refused_connections(metrics.add_counter("holdfast_http_connections_refused_total",
                                              "Connections beyond the limit.")) {
  for (size_t digit = 1; digit < responses.size(); ++digit) {
    responses[digit] = &metrics.add_counter("holdfast_http_responses_total",
                                            "HTTP responses by the first digit of their code.",
                                            {{"code", absl::StrCat(digit, "xx")}});
  }
}

void HttpMetrics::count(int code) const {
  const auto digit = static_cast<size_t>(code / 100);
  if (digit >= 1 && digit < responses.size()) responses[digit]->add();
}

HttpShared::HttpShared(Env& its_env, server::Dispatcher& its_dispatcher, HttpOptions its_options)
    : env(its_env),
      dispatcher(its_dispatcher),
      options(std::move(its_options)),
      translator(its_dispatcher.methods(),
                 [d = &its_dispatcher](const server::MethodInfo& method) {
                   return d->new_request(method);
                 }),
      metrics(its_dispatcher.metrics()),
      bodies(options.limits.max_buffered_bytes) {}

std::optional<HttpReply> LocalReply(const HttpShared& shared, std::string_view http_method,
                                    std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const bool openapi = path == "/openapi.json" && !shared.options.openapi.empty();
  const bool known =
      openapi || path == "/" || path == "/metrics" || path == "/healthz" || path == "/readyz";
  if (!known) return std::nullopt;
  if (http_method != "GET" && http_method != "HEAD") {
    HttpReply reply = ErrorReply(
        MakeError(Reason::kMethodUnknown, absl::StrCat(ToAbsl(path), " can only be read")), 405);
    reply.headers.emplace_back("Allow", "GET, HEAD");
    return reply;
  }
  if (openapi) return HttpReply{.body = shared.options.openapi};
  if (path == "/metrics") {
    return HttpReply{.content_type = std::string(kMetricsType),
                     .body = shared.dispatcher.metrics().text()};
  }
  if (path == "/readyz") return ReadyReply(shared.options);
  return TextReply(200, path == "/" ? std::string(kWelcome) : "ok\n");
}

}  // namespace holdfast::real
