#include "holdfast/app/holdfast/manifest.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/app/holdfast/yaml_message.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/field_mask.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr char kKindKey[] = "kind";

// What a file is read with.
struct Reader {
  std::string_view source;
  const Catalog& catalog;
  const real::Client& client;

  [[nodiscard]] absl::Status error(const YAML::Node& node, std::string_view problem) const {
    return ErrorAt(source, node.Mark(), problem);
  }
};

absl::StatusOr<Manifest> ReadManifest(const YAML::Node& node, const Reader& reader) {
  if (!node.IsMap() || !node["name"]) {
    return reader.error(node, "expected a resource with its `name`");
  }
  Manifest manifest;
  const YAML::Node name = node["name"];
  const YAML::Node kind_word = node[kKindKey];
  manifest.name = name.Scalar();
  absl::StatusOr<const ServedKind*> kind = kind_word ? reader.catalog.find(kind_word.Scalar())
                                                     : reader.catalog.find_by_name(manifest.name);
  if (!kind.ok()) {
    return reader.error(kind_word ? kind_word : name, ToStd(kind.status().message()));
  }
  manifest.kind = *kind;
  manifest.resource = reader.client.new_message(manifest.kind->type);
  const bool kind_is_a_field = FindField(manifest.kind->type, kKindKey) != nullptr;
  HF_RETURN_IF_ERROR(
      ReadYaml(node, reader.source, kind_is_a_field ? "" : kKindKey, *manifest.resource));
  return manifest;
}

absl::StatusOr<Operation> ReadOperation(const YAML::Node& node, const Reader& reader) {
  if (!node.IsMap() || node.size() != 1) {
    return reader.error(node, "expected one of `create:`, `update:`, `apply:`, `delete:`");
  }
  const std::string verb = node.begin()->first.Scalar();
  const YAML::Node body = node.begin()->second;
  Operation operation;
  if (verb == "delete") {
    operation.type = Operation::Type::kDelete;
    operation.target.name = body.IsScalar() ? body.Scalar() : "";
    absl::StatusOr<const ServedKind*> kind = reader.catalog.find_by_name(operation.target.name);
    if (!kind.ok()) return reader.error(body, ToStd(kind.status().message()));
    operation.target.kind = *kind;
    return operation;
  }
  if (verb == "create") {
    operation.type = Operation::Type::kCreate;
  } else if (verb == "update") {
    operation.type = Operation::Type::kUpdate;
  } else if (verb != "apply") {
    return reader.error(node, absl::StrCat("\"", ForMessage(verb),
                                           "\" is no operation; use create, update, apply or "
                                           "delete"));
  }
  HF_ASSIGN_OR_RETURN(operation.target, ReadManifest(body, reader));
  return operation;
}

// Splits "metadata.labels.`a.b`" as field masks do (field_mask.h): dots in backticks don't count,
// and a doubled backtick in there is one.
std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < path.size(); ++i) {
    const bool doubled = quoted && path.substr(i, 2) == "``";
    if (path[i] == '`' && !doubled) {
      quoted = !quoted;
    } else if (path[i] == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += path[i];
      if (doubled) ++i;
    }
  }
  return parts;
}

// A map's key as a field mask writes it.
std::string QuotedKey(std::string_view key) {
  return absl::StrCat("`", absl::StrReplaceAll(ToAbsl(key), {{"`", "``"}}), "`");
}

// The field that a path of --set names.
struct FieldPath {
  const FieldDescriptor* field = nullptr;
  std::vector<std::string> parts;
  std::string mask;  // the same path as a field mask has it
};

absl::StatusOr<FieldPath> FindPath(const Descriptor* type, std::string_view path) {
  FieldPath found;
  for (std::string& part : SplitPath(path)) {
    // The part behind a map is a key.
    const bool is_key = found.field != nullptr && found.field->is_map();
    const FieldDescriptor* field = is_key            ? found.field->message_type()->map_value()
                                   : type == nullptr ? nullptr
                                                     : FindField(type, part);
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(type == nullptr ? found.field->name() : type->name(), " has no field \"",
                       ForMessage(part), "\""));
    }
    absl::StrAppend(&found.mask, found.mask.empty() ? "" : ".",
                    is_key ? QuotedKey(part) : field->name());
    found.parts.push_back(is_key ? std::move(part) : field->name());
    found.field = field;
    type = field->message_type();
  }
  return found;
}

absl::StatusOr<YAML::Node> ReadValue(const FieldPath& path, std::string_view text) {
  if (path.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !path.field->is_repeated()) {
    return YAML::Node(std::string(text));
  }
  HF_ASSIGN_OR_RETURN(const std::vector<YAML::Node> documents, LoadYaml(text, "value"));
  return documents.empty() ? YAML::Node() : documents[0];
}

absl::StatusOr<std::string> Assign(Message& resource, std::string_view path_text,
                                   std::string_view value_text) {
  const Descriptor* type = resource.GetDescriptor();
  HF_ASSIGN_OR_RETURN(const FieldPath path, FindPath(type, path_text));
  HF_ASSIGN_OR_RETURN(YAML::Node value, ReadValue(path, value_text));
  for (auto part = path.parts.rbegin(); part != path.parts.rend(); ++part) {
    YAML::Node outer(YAML::NodeType::Map);
    outer[*part] = value;
    value = outer;
  }
  std::unique_ptr<Message> wanted(resource.New());
  HF_RETURN_IF_ERROR(ReadYaml(value, "value", "", *wanted));
  HF_ASSIGN_OR_RETURN(const filter::FieldMask mask,
                      filter::FieldMask::ParseForUpdate({path.mask}, type, "--set"));
  mask.copy(*wanted, resource);
  return path.mask;
}

}  // namespace

absl::StatusOr<std::vector<Manifest>> ParseManifests(std::string_view text, std::string_view source,
                                                     const Catalog& catalog,
                                                     const real::Client& client) {
  const Reader reader{source, catalog, client};
  HF_ASSIGN_OR_RETURN(const std::vector<YAML::Node> documents, LoadYaml(text, source));
  std::vector<Manifest> manifests;
  std::set<std::string> names;
  for (const YAML::Node& document : documents) {
    if (document.IsNull()) continue;
    HF_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(document, reader));
    if (!names.insert(manifest.name).second) {
      return reader.error(document, absl::StrCat(manifest.name, " comes twice"));
    }
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
  const Reader reader{source, catalog, client};
  HF_ASSIGN_OR_RETURN(const std::vector<YAML::Node> documents, LoadYaml(text, source));
  std::vector<Operation> operations;
  for (const YAML::Node& document : documents) {
    if (document.IsNull()) continue;
    if (!document.IsSequence()) {
      return reader.error(document, "expected a list of operations: `- create: …`");
    }
    for (const YAML::Node& item : document) {
      HF_ASSIGN_OR_RETURN(Operation operation, ReadOperation(item, reader));
      operations.push_back(std::move(operation));
    }
  }
  if (operations.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(source), ": no operation in it"));
  }
  return operations;
}

absl::StatusOr<std::string> SetField(Message& resource, std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set ", ToAbsl(assignment), ": expected field=value"));
  }
  absl::StatusOr<std::string> path =
      Assign(resource, assignment.substr(0, equals), assignment.substr(equals + 1));
  if (path.ok()) return path;
  return absl::InvalidArgumentError(
      absl::StrCat("--set ", ToAbsl(assignment), ": ", path.status().message()));
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    return absl::InvalidArgumentError(absl::StrCat("can't read ", path));
  }
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace holdfast::cli
