// The model of everything a service author wrote: services, kinds, name patterns, references, and
// the API derived from them. Loaded once at start; immutable and thread-safe from then on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/schema/name_pattern.h"

namespace holdfast::schema {

struct Kind;
struct Service;

// One step of a path from a resource message to a value inside: for maps the value side is meant.
struct PathStep {
  const google::protobuf::FieldDescriptor* field = nullptr;
};

// A field, perhaps nested, repeated or in a map or a oneof, that holds names of other resources.
struct ReferenceField {
  // "spec.routes[].gateway": `[]` after repeated fields, `{}` after maps (their values).
  std::string path;
  std::vector<PathStep> steps;
  // The kind that is referred to; empty if any ("*", a dynamic reference).
  KindName target;
  OnDelete on_delete = OnDelete::kBlock;
  // google.api.field_behavior REQUIRED.
  bool required = false;
};

enum class ParentDeletion { kCascadeDelete, kBlock, kAsyncCascadeDelete };

struct UniqueRule {
  enum class Scope { kParent, kKind };
  std::string path;  // dotted, singular fields only
  std::vector<PathStep> steps;
  Scope scope = Scope::kParent;
};

struct LimitRule {
  KindName per;  // the ancestor's kind
  int64_t default_max = 0;
};

// An index over one or more fields, in order.
struct IndexRule {
  std::vector<std::string> paths;
};

struct Kind {
  KindName name;             // "network.acme.com/Vpc"
  std::string singular;      // "vpc": the resource field of Create, in snake_case
  std::string plural;        // "vpcs": the resource field of List, in snake_case
  std::string message_name;  // "Vpc"
  const Service* service = nullptr;
  const google::protobuf::Descriptor* message = nullptr;
  const google::protobuf::FieldDescriptor* name_field = nullptr;
  const google::protobuf::FieldDescriptor* metadata_field = nullptr;  // of type holdfast.Meta
  std::vector<NamePattern> patterns;
  // By pattern: the kind of the parent (nullptr: none, a top-level name). Of this or an imported
  // service.
  std::vector<const Kind*> parents;
  // Kinds of any loaded service that have this one as a parent, in order of name. Unconstrained
  // kinds are nobody's children, though they may have a parent.
  std::vector<const Kind*> children;
  // In order of field declaration, depth first. None if the kind is unconstrained.
  std::vector<ReferenceField> references;
  std::vector<UniqueRule> unique;
  std::vector<LimitRule> limits;
  std::vector<IndexRule> indexes;
  std::vector<std::string> search_fields;
  ParentDeletion on_parent_deleted = ParentDeletion::kCascadeDelete;
  bool async_deletion = false;
  bool unconstrained = false;
  // May any BLOCK reference, or child with `on_parent_deleted: BLOCK`, stand against deleting a
  // resource of this kind, or one that would be deleted with it (below it, or by a cascading
  // reference)? If not, deletions needn't close such rows first.
  bool can_be_blocked = false;
  // Every (kind, field) of the loaded services that may refer to this kind; those that refer to any
  // kind are in it if their service is this one's or imports it.
  struct Incoming {
    const Kind* from;
    size_t reference;  // index into from->references
  };
  std::vector<Incoming> incoming;

  // Which of `patterns` the name matches, if any.
  [[nodiscard]] std::optional<size_t> match(const ResourceName& name) const;
  // The parent's key, or nullopt for a top-level name. `name` must match a pattern.
  [[nodiscard]] std::optional<ResourceKey> parent_of(const ResourceName& name) const;
};

// The derived methods. One gRPC service per kind ("acme.network.v1.VpcService") has the first
// eight; one per package ("acme.network.v1.Transactions", "acme.network.v1.References") the rest.
enum class Verb {
  kGet,
  kBatchGet,
  kList,
  kCreate,
  kUpdate,
  kDelete,
  kWatch,            // WatchVpc: one resource
  kWatchCollection,  // WatchVpcs
  kTransact,
  kExplainDelete,
  kListReferrers,
};

struct HttpRule {
  std::string http_method;  // "GET", "POST", "PATCH", "DELETE"
  std::string path;         // "/v1/{parent=projects/*}/vpcs", as in google.api.http
  std::string body;         // field name, "*", or empty
};

struct Method {
  std::string full_name;  // "/acme.network.v1.VpcService/CreateVpc"
  Verb verb = Verb::kGet;
  const Service* service = nullptr;
  const Kind* kind = nullptr;  // nullptr for Transact, ExplainDelete, ListReferrers
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const google::protobuf::Descriptor* request = nullptr;
  const google::protobuf::Descriptor* response = nullptr;
  bool server_streaming = false;
  std::vector<HttpRule> http;
};

// One operation of a derived TransactRequest: which field of its oneof does what to which kind.
struct TransactField {
  const google::protobuf::FieldDescriptor* field = nullptr;  // create_vpc, update_vpc, delete_vpc
  Verb verb = Verb::kCreate;
  const Kind* kind = nullptr;
};

struct Service {
  struct Import {
    ServiceDomain domain;
    ApiVersion version;
  };
  ServiceDomain domain;
  ApiVersion version;
  std::string package;  // "acme.network.v1"
  std::vector<Import> imports;
  std::vector<ServiceDomain> uses;
  std::vector<const Kind*> kinds;  // in order of name
  std::vector<const Method*> methods;
  std::vector<TransactField> transact_fields;
};

// A finding of the compiler or the linter.
struct Diagnostic {
  std::string file;
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1
  std::string rule;  // "reference-unknown-kind"; "syntax" for the compiler's own
  std::string message;

  // "network.proto:12:5: [reference-unknown-kind] …"
  [[nodiscard]] std::string str() const;
};

struct LoadOptions {
  // Folders whose .proto files (recursively) are loaded; also import roots. Imports of
  // holdfast/*.proto, google/api, google/rpc and google/protobuf are built in and need no file.
  std::vector<std::string> roots;
};

class Schema {
 public:
  virtual ~Schema() = default;

  [[nodiscard]] virtual const std::vector<const Service*>& services() const = 0;
  [[nodiscard]] virtual const Service* find_service(const ServiceDomain& domain,
                                                    const ApiVersion& version) const = 0;
  // nullptr if there is none. (With several API versions of a service loaded: the newest.)
  [[nodiscard]] virtual const Kind* find_kind(const KindName& name) const = 0;
  // The kind of `service` that has a pattern for this name; nullptr if none. Unambiguous: the
  // linter refuses patterns of one service that overlap.
  [[nodiscard]] virtual const Kind* find_kind_by_name(const Service& service,
                                                      const ResourceName& name) const = 0;
  // By full name with leading slash; nullptr if unknown.
  [[nodiscard]] virtual const Method* find_method(std::string_view full_name) const = 0;
  [[nodiscard]] virtual const std::vector<const Method*>& methods() const = 0;

  // Everything: the author's files, the derived API, and what they import. For reflection.
  // google.protobuf.*, google.api.*, holdfast.* descriptors are those of the generated pool.
  [[nodiscard]] virtual const google::protobuf::DescriptorPool& pool() const = 0;
  // All files of pool() that the services consist of, dependencies included, in order of name.
  [[nodiscard]] virtual std::vector<const google::protobuf::FileDescriptor*> files() const = 0;

  // A new empty message. For descriptors of the generated pool (holdfast.Meta, well-known types)
  // also when nested, the object is of the generated class and may be static_cast to it. Other
  // messages must not outlive the schema.
  [[nodiscard]] virtual std::unique_ptr<google::protobuf::Message> new_message(
      const google::protobuf::Descriptor* type) const = 0;
};

// Compiles, lints and derives. On findings: INVALID_ARGUMENT, with all of them in the message, one
// a line, and in `findings` if given.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Schema>> Load(
    const LoadOptions& options, std::vector<Diagnostic>* findings = nullptr);

// The same from texts: (file name, content). For tests.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Schema>> LoadTexts(
    const std::vector<std::pair<std::string, std::string>>& files,
    std::vector<Diagnostic>* findings = nullptr);

// What in `next` would break users or stored data of `before`: kinds, fields, patterns or methods
// gone, numbers or types changed, references made stricter. Empty: compatible.
[[nodiscard]] std::vector<Diagnostic> FindBreakingChanges(const Schema& before, const Schema& next);

}  // namespace holdfast::schema
