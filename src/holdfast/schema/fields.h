// The annotated fields of a resource message, however deep.
#pragma once

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "holdfast/schema/schema.h"

namespace holdfast::schema {

// A resource with more references than this can't be kept and checked in one batch.
inline constexpr size_t kMaxAnnotatedFields = 256;

// A field with a reference or rule annotation.
struct AnnotatedField {
  std::string path;  // "spec.routes[].gateway"
  std::vector<PathStep> steps;
  // Does the path, the field itself included, go through a repeated field or a map?
  bool repeated = false;

  [[nodiscard]] const google::protobuf::FieldDescriptor* field() const {
    return steps.back().field;
  }
};

struct AnnotatedFields {
  std::vector<AnnotatedField> fields;
  // Fields at which a message type contains itself and has annotated fields in it: their depth has
  // no end, so they are left out.
  std::vector<const google::protobuf::FieldDescriptor*> recursive;
  // More than kMaxAnnotatedFields; the rest is left out.
  bool truncated = false;
};

// Walks `resource` and the messages in it. Messages of the generated pool (holdfast.Meta,
// well-known types) have no annotated fields and aren't entered.
[[nodiscard]] AnnotatedFields FindAnnotatedFields(const google::protobuf::Descriptor* resource);

// "spec.dns_name" -> its steps; empty if there is no such field, or the path goes through a
// repeated field, a map or a scalar. The last field may be of any sort.
[[nodiscard]] std::vector<PathStep> ResolvePath(const google::protobuf::Descriptor* message,
                                                std::string_view path);

// Is the field google.api.field_behavior REQUIRED?
[[nodiscard]] bool IsRequired(const google::protobuf::FieldDescriptor* field);
// Is it one that names other resources, by google.api.resource_reference?
[[nodiscard]] bool IsReference(const google::protobuf::FieldDescriptor* field);

// Letters, digits and underscores, a letter first: what singulars and plurals are made of.
[[nodiscard]] bool IsWord(std::string_view text);
// "FirewallRule" and "firewallRule" -> "firewall_rule"; "DNSZone" -> "dns_zone".
[[nodiscard]] std::string ToSnakeCase(std::string_view text);
// "firewall_rules" -> "FirewallRules".
[[nodiscard]] std::string ToPascalCase(std::string_view snake);

}  // namespace holdfast::schema
