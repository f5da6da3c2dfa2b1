// The schema being made: what the author wrote, read as far as it makes sense. The linter looks at
// this; only a model without findings becomes a Schema.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "google/api/resource.pb.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/annotations.pb.h"
#include "holdfast/schema/fields.h"
#include "holdfast/schema/schema.h"

namespace holdfast::schema {

struct ServiceDraft;

struct KindDraft {
  // Only what could be understood: unparsable patterns, unknown targets and paths are left out.
  Kind kind;
  ServiceDraft* service = nullptr;
  google::api::ResourceDescriptor resource;
  ResourceOptions options;
  AnnotatedFields annotated;
};

struct ServiceDraft {
  Service service;
  const google::protobuf::FileDescriptor* declared_in = nullptr;  // has the service option
  std::vector<KindDraft*> kinds;                                  // in order of name
  std::vector<ServiceDraft*> imports;                             // those that are loaded
};

// All files of one package.
struct PackageDraft {
  std::string name;
  std::vector<const google::protobuf::FileDescriptor*> files;
  ServiceDraft* service = nullptr;  // nullptr: no file has the service option
};

struct Model {
  const google::protobuf::DescriptorPool* pool = nullptr;
  std::vector<PackageDraft> packages;                   // in order of name
  std::vector<std::unique_ptr<ServiceDraft>> services;  // by domain, then version, oldest first
  std::vector<std::unique_ptr<KindDraft>> kinds;        // by service, then name
};

[[nodiscard]] Model BuildModel(const google::protobuf::DescriptorPool* pool,
                               const std::vector<const google::protobuf::FileDescriptor*>& files);

// "v1alpha2" and the like: -1, 0, 1 as `a` is older than, the same as, or newer than `b`. Versions
// of another form come first, in order of their text.
[[nodiscard]] int CompareVersions(const ApiVersion& a, const ApiVersion& b);
// v1, v1alpha2, v2beta1.
[[nodiscard]] bool IsVersion(std::string_view text);

// The kinds of this name that a service may refer to: its own, and those of its imports.
[[nodiscard]] KindDraft* FindReferable(const ServiceDraft& from, const KindName& name);

// "projects/{project}/vpcs/{vpc}" and "projects/p1/vpcs/main" -> "projects/*/vpcs/*". Names of a
// pattern, and only they, have its shape.
[[nodiscard]] std::string ShapeOf(std::string_view name_or_pattern);

// google.api.resource_reference of the field, "*" for any kind; and (holdfast.reference).
[[nodiscard]] std::string ReferenceTarget(const google::protobuf::FieldDescriptor* field);
[[nodiscard]] OnDelete ReferenceBehaviour(const google::protobuf::FieldDescriptor* field);

// Has the message a google.api.resource option?
[[nodiscard]] bool IsResource(const google::protobuf::Descriptor* message);

}  // namespace holdfast::schema
