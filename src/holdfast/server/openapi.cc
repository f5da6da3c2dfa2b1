#include "holdfast/server/openapi.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/strings.h"
#include "holdfast/server/openapi_path.h"
#include "holdfast/server/openapi_schemas.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

// Fields of fields that a query may name; deeper ones are served too, but no one would list them.
constexpr int kMaxParameterDepth = 3;

constexpr const char* kErrorComponent = "holdfast.Error";

Json ErrorSchema() {
  const Json detail = {{"type", "object"},
                       {"properties", {{"@type", {{"type", "string"}}}}},
                       {"additionalProperties", true}};
  const Json properties = {
      {"code", {{"type", "integer"}, {"description", "The HTTP code."}}},
      {"message", {{"type", "string"}}},
      {"status", {{"type", "string"}, {"description", "The name of a google.rpc.Code."}}},
      {"details", {{"type", "array"}, {"items", detail}}}};
  return {{"type", "object"},
          {"description", "The first of the details is a google.rpc.ErrorInfo with the reason."},
          {"properties", {{"error", {{"type", "object"}, {"properties", properties}}}}}};
}

Json Content(const char* type, Json schema) { return {{type, {{"schema", std::move(schema)}}}}; }

struct ServiceAndMethod {
  std::string service;  // "acme.network.v1.VpcService"
  std::string method;
};

ServiceAndMethod Split(const MethodInfo& method) {
  const size_t slash = method.full_name.rfind('/');
  return {method.full_name.substr(1, slash - 1), method.full_name.substr(slash + 1)};
}

class Document {
 public:
  explicit Document(const std::vector<const schema::Schema*>& schemas)
      : schemas_(schemas), names_(schemas) {}

  void add(const MethodInfo& method) {
    for (const schema::HttpRule& rule : method.http) {
      const OpenApiPath path = names_.expand(rule.path);
      const std::string verb = ToLower(rule.http_method);
      Json& item = paths_[path.text];
      // The gateway serves the first one too.
      if (!item.contains(verb)) item[verb] = operation(method, rule, path);
    }
  }

  Json finish(const OpenApiInfo& info) {
    Json components = writer_.components();
    components[kErrorComponent] = ErrorSchema();
    const Json error = {{"description", "What went wrong."},
                        {"content", Content("application/json", ErrorReference())}};
    Json tags = Json::array();
    for (const auto& [name, tag] : tags_) tags.push_back(tag);
    return {
        {"openapi", "3.0.3"},
        {"info", {{"title", info.title}, {"version", info.version}}},
        {"servers", Json::array({{{"url", "/"}}})},
        {"tags", std::move(tags)},
        {"paths", std::move(paths_)},
        {"components", {{"schemas", std::move(components)}, {"responses", {{"Error", error}}}}}};
  }

 private:
  static std::string ToLower(std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
  }
  static Json ErrorReference() {
    return {{"$ref", absl::StrCat("#/components/schemas/", kErrorComponent)}};
  }

  const pb::MethodDescriptor* descriptor(const MethodInfo& method) const {
    for (const schema::Schema* schema : schemas_) {
      const schema::Method* found = schema->find_method(method.full_name);
      if (found != nullptr) return found->descriptor;
    }
    return nullptr;
  }

  // "VpcService_GetVpc"; with its package where two would be the same, numbered where one method
  // has several paths.
  std::string new_id(const ServiceAndMethod& name) {
    const std::string short_service = name.service.substr(name.service.rfind('.') + 1);
    std::string id = absl::StrCat(short_service, "_", name.method);
    const auto [owner, added] = owners_.try_emplace(id, name.service);
    if (!added && owner->second != name.service) {
      id = absl::StrCat(absl::StrReplaceAll(name.service, {{".", "_"}}), "_", name.method);
    }
    const int number = ++numbers_[id];
    return number == 1 ? id : absl::StrCat(id, "_", number);
  }

  Json operation(const MethodInfo& method, const schema::HttpRule& rule, const OpenApiPath& path) {
    const ServiceAndMethod name = Split(method);
    const pb::MethodDescriptor* known = descriptor(method);
    tag(name.service, known);
    Json out = {{"operationId", new_id(name)}, {"tags", Json::array({name.service})}};
    const std::string comment = known == nullptr ? "" : CommentOf(known);
    out["summary"] = comment.empty() ? name.method : comment;
    Json parameters = path_parameters(path);
    if (rule.body != "*") add_query(method.request, rule, path, parameters);
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    if (!rule.body.empty()) out["requestBody"] = body(method, rule);
    out["responses"] = {{"200", response(method)},
                        {"default", {{"$ref", "#/components/responses/Error"}}}};
    return out;
  }

  void tag(const std::string& service, const pb::MethodDescriptor* method) {
    Json& tag = tags_[service];
    if (!tag.empty()) return;
    tag["name"] = service;
    const std::string comment = method == nullptr ? "" : CommentOf(method->service());
    if (!comment.empty()) tag["description"] = comment;
  }

  static Json path_parameters(const OpenApiPath& path) {
    Json out = Json::array();
    for (const OpenApiPath::Variable& variable : path.variables) {
      out.push_back(
          {{"name", variable.name},
           {"in", "path"},
           {"required", true},
           {"description", absl::StrCat("Part of `", variable.field, "`",
                                        variable.has_slashes ? "; may hold slashes." : ".")},
           {"schema", {{"type", "string"}}}});
    }
    return out;
  }

  void add_query(const pb::Descriptor* request, const schema::HttpRule& rule,
                 const OpenApiPath& path, Json& out) {
    std::set<std::string> taken;
    if (!rule.body.empty()) taken.insert(rule.body);
    for (const OpenApiPath::Variable& variable : path.variables) taken.insert(variable.field);
    add_fields(request, "", "", taken, 1, out);
  }

  // `before` is where the message lies, in names of the .proto file; `shown` the same in JSON's.
  void add_fields(const pb::Descriptor* type, const std::string& before, const std::string& shown,
                  const std::set<std::string>& taken, int depth, Json& out) {
    for (int i = 0; i < type->field_count(); ++i) {
      const pb::FieldDescriptor* field = type->field(i);
      const std::string path = before + field->name();
      if (taken.contains(path) || field->is_map()) continue;
      const std::string name = shown + field->json_name();
      if (field->message_type() == nullptr || IsTextual(field->message_type())) {
        out.push_back(parameter(field, name));
        continue;
      }
      if (field->is_repeated() || IsWellKnown(field->message_type())) continue;
      if (depth == kMaxParameterDepth) continue;
      add_fields(field->message_type(), path + ".", name + ".", taken, depth + 1, out);
    }
  }

  Json parameter(const pb::FieldDescriptor* field, const std::string& name) {
    Json schema = writer_.of_field(field);
    Json out = {{"name", name}, {"in", "query"}};
    if (schema.contains("description")) {
      out["description"] = schema["description"];
      schema.erase("description");
    }
    out["schema"] = std::move(schema);
    return out;
  }

  Json body(const MethodInfo& method, const schema::HttpRule& rule) {
    const pb::Descriptor* type = rule.body == "*"
                                     ? method.request
                                     : method.request->FindFieldByName(rule.body)->message_type();
    return {{"required", true}, {"content", Content("application/json", writer_.of_message(type))}};
  }

  Json response(const MethodInfo& method) {
    Json schema = writer_.of_message(method.response);
    if (!method.server_streaming) {
      return {{"description", "Done."},
              {"content", Content("application/json", std::move(schema))}};
    }
    Json line = {{"type", "object"}, {"properties", {{"result", std::move(schema)}}}};
    const Json lines = {{"oneOf", Json::array({std::move(line), ErrorReference()})}};
    return {{"description", "A JSON object a line, until one side closes."},
            {"content", Content("application/x-ndjson", lines)}};
  }

  const std::vector<const schema::Schema*>& schemas_;
  const VariableNames names_;
  SchemaWriter writer_;
  Json paths_ = Json::object();
  std::map<std::string, Json> tags_;
  std::map<std::string, std::string> owners_;  // of short operation ids: the service
  std::map<std::string, int> numbers_;         // how often an operation id was given
};

}  // namespace

std::string BuildOpenApi(const std::vector<const MethodInfo*>& methods,
                         const std::vector<const schema::Schema*>& schemas,
                         const OpenApiInfo& info) {
  Document document(schemas);
  for (const MethodInfo* method : methods) document.add(*method);
  return document.finish(info).dump(-1, ' ', /*ensure_ascii=*/false,
                                    Json::error_handler_t::replace);
}

}  // namespace holdfast::server
