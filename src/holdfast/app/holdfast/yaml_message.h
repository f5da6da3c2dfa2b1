// Reads messages from YAML (or JSON, which is YAML). The message's type decides what a value means:
// 1.0 in a text field is text, in a number field a number. Errors are INVALID_ARGUMENT with source,
// line and column: "vpcs.yaml:3:7: …".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "yaml-cpp/yaml.h"

namespace holdfast::cli {

// Maps and lists within each other; a file that refers to itself by anchors has no end.
inline constexpr int kMaxYamlDepth = 64;

// The documents of a text.
[[nodiscard]] absl::StatusOr<std::vector<YAML::Node>> LoadYaml(std::string_view text,
                                                               std::string_view source);

[[nodiscard]] absl::Status ErrorAt(std::string_view source, const YAML::Mark& mark,
                                   std::string_view problem);

// `node` is a map of fields, by the names in the .proto or those of JSON. The key `skipped` isn't a
// field and is left out.
[[nodiscard]] absl::Status ReadYaml(const YAML::Node& node, std::string_view source,
                                    std::string_view skipped, google::protobuf::Message& message);

// By either name; nullptr if there is none.
[[nodiscard]] const google::protobuf::FieldDescriptor* FindField(
    const google::protobuf::Descriptor* type, const std::string& name);

}  // namespace holdfast::cli
