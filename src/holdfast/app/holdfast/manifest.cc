#include "holdfast/app/holdfast/manifest.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/util/json_util.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "nlohmann/json.hpp"
#include "yaml-cpp/yaml.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::json;

absl::Status At(std::string_view source, const YAML::Mark& mark, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(source), ":", mark.line + 1, ":",
                                                 mark.column + 1, ": ", ToAbsl(problem)));
}

const FieldDescriptor* FindField(const Descriptor* type, const std::string& key) {
  const FieldDescriptor* field = type->FindFieldByName(key);
  return field != nullptr ? field : type->FindFieldByCamelcaseName(key);
}

bool IsText(const FieldDescriptor* field) {
  return field == nullptr || field->cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
         field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM ||
         field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

// Turns YAML into the JSON that protobuf reads. The field's type decides what a scalar is: 1.0 in a
// string field is text, in a number field a number.
class YamlToJson {
 public:
  explicit YamlToJson(std::string_view source) : source_(source) {}

  absl::StatusOr<Json> object(const YAML::Node& node, const Descriptor* type) const {
    if (!node.IsMap()) return At(source_, node.Mark(), "expected `field: value` lines");
    Json result = Json::object();
    for (const auto& entry : node) {
      const std::string key = entry.first.Scalar();
      const FieldDescriptor* field = FindField(type, key);
      if (field == nullptr && type->full_name().rfind("google.protobuf.", 0) != 0) {
        return At(source_, entry.first.Mark(),
                  absl::StrCat(type->name(), " has no field \"", key, "\""));
      }
      HF_ASSIGN_OR_RETURN(result[key], value(entry.second, field));
    }
    return result;
  }

 private:
  absl::StatusOr<Json> value(const YAML::Node& node, const FieldDescriptor* field) const {
    if (field != nullptr && field->is_map() && node.IsMap()) return map(node, field);
    if (node.IsSequence()) {
      Json list = Json::array();
      for (const YAML::Node& item : node) {
        HF_ASSIGN_OR_RETURN(Json element, value(item, field));
        list.push_back(std::move(element));
      }
      return list;
    }
    if (node.IsMap()) {
      if (field == nullptr || field->message_type() == nullptr) {
        return At(source_, node.Mark(), "expected a single value here");
      }
      return object(node, field->message_type());
    }
    return scalar(node, field);
  }

  absl::StatusOr<Json> map(const YAML::Node& node, const FieldDescriptor* field) const {
    const FieldDescriptor* values = field->message_type()->map_value();
    Json result = Json::object();
    for (const auto& entry : node) {
      HF_ASSIGN_OR_RETURN(result[entry.first.Scalar()], value(entry.second, values));
    }
    return result;
  }

  static absl::StatusOr<Json> scalar(const YAML::Node& node, const FieldDescriptor* field) {
    if (node.IsNull()) return Json(nullptr);
    const std::string text = node.Scalar();
    if (IsText(field)) return Json(text);
    Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    return parsed.is_discarded() ? Json(text) : parsed;
  }

  std::string_view source_;
};

absl::StatusOr<Manifest> ParseOne(const YAML::Node& node, std::string_view source,
                                  const Catalog& catalog, const real::Client& client) {
  if (!node.IsMap() || !node["name"]) {
    return At(source, node.Mark(), "expected a resource with its `name`");
  }
  Manifest manifest;
  manifest.name = node["name"].Scalar();
  absl::StatusOr<const ServedKind*> kind =
      node["kind"] ? catalog.find(node["kind"].Scalar()) : catalog.find_by_name(manifest.name);
  if (!kind.ok()) return At(source, node["name"].Mark(), ToStd(kind.status().message()));
  manifest.kind = *kind;
  YAML::Node fields = YAML::Clone(node);
  if (FindField(manifest.kind->type, "kind") == nullptr) fields.remove("kind");
  HF_ASSIGN_OR_RETURN(Json json, YamlToJson(source).object(fields, manifest.kind->type));
  manifest.resource = client.new_message(manifest.kind->type);
  const auto status =
      google::protobuf::util::JsonStringToMessage(json.dump(), manifest.resource.get());
  if (!status.ok()) {
    return At(source, node.Mark(), absl::StrCat(manifest.name, ": ", status.message().ToString()));
  }
  return manifest;
}

absl::StatusOr<std::vector<YAML::Node>> LoadYaml(std::string_view text, std::string_view source) {
  try {
    return YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& error) {
    return At(source, error.mark, error.msg);
  }
}

absl::StatusOr<Operation> ParseOperation(const YAML::Node& node, std::string_view source,
                                         const Catalog& catalog, const real::Client& client) {
  if (!node.IsMap() || node.size() != 1) {
    return At(source, node.Mark(), "expected one of `create:`, `update:`, `apply:`, `delete:`");
  }
  const std::string verb = node.begin()->first.Scalar();
  const YAML::Node& body = node.begin()->second;
  Operation operation;
  if (verb == "delete") {
    operation.type = Operation::Type::kDelete;
    operation.target.name = body.Scalar();
    HF_ASSIGN_OR_RETURN(operation.target.kind, catalog.find_by_name(operation.target.name));
    return operation;
  }
  if (verb != "create" && verb != "update" && verb != "apply") {
    return At(source, node.Mark(),
              absl::StrCat("\"", verb, "\" is no operation; use create, update, apply or delete"));
  }
  operation.type = verb == "create"   ? Operation::Type::kCreate
                   : verb == "update" ? Operation::Type::kUpdate
                                      : Operation::Type::kApply;
  HF_ASSIGN_OR_RETURN(operation.target, ParseOne(body, source, catalog, client));
  return operation;
}

// Every name that the message refers to: strings in fields that declare a reference.
void CollectReferences(const Message& message, std::set<std::string>& names) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        CollectReferences(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                               : reflection->GetMessage(message, field),
                          names);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        names.insert(field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                          : reflection->GetString(message, field));
      }
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<Manifest>> ParseManifests(std::string_view text,
                                                     std::string_view source,
                                                     const Catalog& catalog,
                                                     const real::Client& client) {
  HF_ASSIGN_OR_RETURN(const std::vector<YAML::Node> documents, LoadYaml(text, source));
  std::vector<Manifest> manifests;
  for (const YAML::Node& document : documents) {
    if (document.IsNull()) continue;
    HF_ASSIGN_OR_RETURN(Manifest manifest, ParseOne(document, source, catalog, client));
    manifests.push_back(std::move(manifest));
  }
  if (manifests.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(source), ": no resource in it"));
  }
  return manifests;
}

absl::StatusOr<std::vector<Operation>> ParseOperations(std::string_view text,
                                                       std::string_view source,
                                                       const Catalog& catalog,
                                                       const real::Client& client) {
  HF_ASSIGN_OR_RETURN(const std::vector<YAML::Node> documents, LoadYaml(text, source));
  std::vector<Operation> operations;
  for (const YAML::Node& document : documents) {
    if (!document.IsSequence()) {
      return At(source, document.Mark(), "expected a list of operations: `- create: …`");
    }
    for (const YAML::Node& item : document) {
      HF_ASSIGN_OR_RETURN(Operation operation, ParseOperation(item, source, catalog, client));
      operations.push_back(std::move(operation));
    }
  }
  if (operations.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(source), ": no operation in it"));
  }
  return operations;
}

absl::Status SetField(Message& resource, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", ToAbsl(assignment), ": expected field=value"));
  }
  const std::vector<std::string> path =
      absl::StrSplit(ToAbsl(assignment.substr(0, equals)), '.');
  YAML::Node value;
  try {
    value = YAML::Load(std::string(assignment.substr(equals + 1)));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("--set ", ToAbsl(assignment), ": ", error.msg));
  }
  for (auto part = path.rbegin(); part != path.rend(); ++part) {
    YAML::Node outer(YAML::NodeType::Map);
    outer[*part] = value;
    value = outer;
  }
  HF_ASSIGN_OR_RETURN(Json json, YamlToJson("--set").object(value, resource.GetDescriptor()));
  std::unique_ptr<Message> part(resource.New());
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), part.get());
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", ToAbsl(assignment), ": ", status.message().ToString()));
  }
  resource.MergeFrom(*part);
  return absl::OkStatus();
}

void SortForCreation(std::vector<Manifest>& manifests) {
  std::set<std::string> waiting;
  for (const Manifest& manifest : manifests) waiting.insert(manifest.name);
  std::vector<Manifest> sorted;
  // Each round takes what refers only to what is already taken. A cycle takes its first: it can be
  // created only together, and the server says so.
  while (!manifests.empty()) {
    auto next = std::find_if(manifests.begin(), manifests.end(), [&](const Manifest& manifest) {
      std::set<std::string> names;
      CollectReferences(*manifest.resource, names);
      names.erase(manifest.name);
      const bool parent_waits =
          std::any_of(waiting.begin(), waiting.end(), [&](const std::string& other) {
            return manifest.name.rfind(other + "/", 0) == 0;
          });
      return !parent_waits && std::none_of(names.begin(), names.end(), [&](const auto& name) {
        return waiting.contains(name);
      });
    });
    if (next == manifests.end()) next = manifests.begin();
    waiting.erase(next->name);
    sorted.push_back(std::move(*next));
    manifests.erase(next);
  }
  manifests = std::move(sorted);
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("can't read ", path));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace holdfast::cli
