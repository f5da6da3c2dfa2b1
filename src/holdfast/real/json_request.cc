#include "holdfast/real/json_request.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/json_fields.h"
#include "holdfast/real/json_target.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;

constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kUnsupportedMediaType = 415;

std::vector<const pb::DescriptorPool*> PoolsOf(
    const std::vector<const server::MethodInfo*>& methods) {
  std::vector<const pb::DescriptorPool*> pools;
  for (const server::MethodInfo* method : methods) {
    pools.push_back(method->request->file()->pool());
    pools.push_back(method->response->file()->pool());
  }
  return pools;
}

std::string Quoted(std::string_view text) { return absl::StrCat("\"", ForMessage(text), "\""); }

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

JsonRefusal UnknownPath(const JsonRequest& http) {
  return {MakeError(Reason::kMethodUnknown,
                    absl::StrCat("no method has the path ", Quoted(PathOf(http.target)),
                                 "; GET /openapi.json lists those that there are")),
          kNotFound,
          {}};
}

JsonRefusal NotAllowed(const JsonRequest& http, std::vector<std::string> allowed) {
  absl::Status status =
      MakeError(Reason::kMethodUnknown,
                absl::StrCat(Quoted(http.http_method), " isn't a method of ",
                             Quoted(PathOf(http.target)), "; use ", absl::StrJoin(allowed, ", ")));
  return {std::move(status), kMethodNotAllowed, std::move(allowed)};
}

// "application/json; charset=utf-8". Not what HTML forms can send: a page of another origin could.
bool IsJson(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(ToAbsl(type)), "application/json");
}

bool IsBlank(std::string_view text) { return absl::StripAsciiWhitespace(ToAbsl(text)).empty(); }

// Where the parts of the request come from that a query can't give.
std::vector<QueryReader::Taken> TakenBy(const Route& route) {
  std::vector<QueryReader::Taken> taken;
  for (const RouteVariable& variable : route.variables) {
    taken.push_back({variable.field_path, "the path"});
  }
  if (!route.rule->body.empty()) taken.push_back({route.rule->body, "the body"});
  return taken;
}

}  // namespace

JsonTranslator::JsonTranslator(const std::vector<const server::MethodInfo*>& methods,
                               NewRequest new_request)
    : routes_(methods), codec_(PoolsOf(methods)), new_request_(std::move(new_request)) {}

absl::Status JsonTranslator::read_body(const JsonRequest& http, const schema::HttpRule& rule,
                                       pb::Message& request) const {
  if (IsBlank(http.body)) return absl::OkStatus();
  if (rule.body == "*") {
    HF_RETURN_IF_ERROR(CheckJson(http.body, "body"));
    return codec_.parse(http.body, "", request);
  }
  HF_RETURN_IF_ERROR(CheckJson(http.body, rule.body));
  const pb::FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(rule.body);
  HF_CHECK(field != nullptr && field->message_type() != nullptr && !field->is_repeated())
      << rule.path << ": no message to put the body into: " << rule.body;
  return codec_.parse(http.body, rule.body,
                      *request.GetReflection()->MutableMessage(&request, field));
}

absl::Status JsonTranslator::fill(const JsonRequest& http, const Target& target,
                                  const Routes::Match& match, pb::Message& request) const {
  const Route& route = *match.route;
  HF_RETURN_IF_ERROR(read_body(http, *route.rule, request));
  QueryReader query(request, TakenBy(route));
  for (const Parameter& parameter : target.query) {
    HF_RETURN_IF_ERROR(query.set(parameter.name, parameter.value));
  }
  for (size_t i = 0; i < route.variables.size(); ++i) {
    HF_RETURN_IF_ERROR(SetVariable(request, route.variables[i].field_path, match.values[i]));
  }
  return absl::OkStatus();
}

JsonTranslation JsonTranslator::translate(const JsonRequest& http) const {
  const absl::StatusOr<Target> target = ParseTarget(http.target);
  if (!target.ok()) return JsonRefusal{target.status()};
  absl::StatusOr<Routes::Match> match = routes_.match(http.http_method, *target);
  if (!match.ok()) return JsonRefusal{match.status()};
  if (match->allowed.empty()) return UnknownPath(http);
  if (match->route == nullptr) return NotAllowed(http, std::move(match->allowed));
  if (!IsBlank(http.body)) {
    if (match->route->rule->body.empty()) {
      return JsonRefusal{FieldError(Reason::kMalformedRequest, "body",
                                    "this method takes none; its fields go into the query")};
    }
    if (!IsJson(http.content_type)) {
      return JsonRefusal{
          FieldError(Reason::kMalformedRequest, "Content-Type",
                     absl::StrCat("must be application/json, not ", Quoted(http.content_type))),
          kUnsupportedMediaType};
    }
  }
  JsonCall call{match->route->method, new_request_(*match->route->method)};
  if (absl::Status status = fill(http, *target, *match, *call.request); !status.ok()) {
    return JsonRefusal{std::move(status)};
  }
  return call;
}

}  // namespace holdfast::real
