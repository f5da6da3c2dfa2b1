// Messages and enums as OpenAPI schemas of their JSON form. Internal to server/.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace holdfast::server {

using Json = nlohmann::json;  // objects keep their keys in order: the document is deterministic

// What the .proto file says above a definition, without comment marks; empty if nothing.
template <class Descriptor>
std::string CommentOf(const Descriptor* descriptor);

// Types whose JSON form is one value or has a schema of its own: a Timestamp is a string.
[[nodiscard]] bool IsWellKnown(const google::protobuf::Descriptor* type);
// Of those, the ones that are written as one text, and so can stand in a query.
[[nodiscard]] bool IsTextual(const google::protobuf::Descriptor* type);

// Collects what is referred to, so that every reference leads somewhere.
class SchemaWriter {
 public:
  // {"$ref": "#/components/schemas/acme.v1.Vpc"}, or the schema itself for well-known types.
  [[nodiscard]] Json of_message(const google::protobuf::Descriptor* type);
  // Of the values of a field, repeated or not; with its comment.
  [[nodiscard]] Json of_field(const google::protobuf::FieldDescriptor* field);

  // All that was referred to so far, and what that refers to, by full name.
  [[nodiscard]] Json components();

 private:
  [[nodiscard]] Json of_enum(const google::protobuf::EnumDescriptor* type);
  [[nodiscard]] Json of_value(const google::protobuf::FieldDescriptor* field);
  [[nodiscard]] Json write(const google::protobuf::Descriptor* type);

  std::map<std::string, Json> written_;
  std::set<std::string> known_;  // written or waiting
  std::vector<const google::protobuf::Descriptor*> waiting_;
};

}  // namespace holdfast::server
