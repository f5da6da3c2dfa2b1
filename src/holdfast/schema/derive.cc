#include "holdfast/schema/derive.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/api/annotations.pb.h"
#include "google/api/client.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/strings.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptorProto;

constexpr char kFieldMask[] = ".google.protobuf.FieldMask";
constexpr char kEmpty[] = ".google.protobuf.Empty";

// Adds fields to one message, one call a field.
class MessageWriter {
 public:
  explicit MessageWriter(pb::DescriptorProto* message) : message_(message) {}

  FieldDescriptorProto* scalar(
      const std::string& name, int number,
      FieldDescriptorProto::Type type = FieldDescriptorProto::TYPE_STRING) {
    FieldDescriptorProto* field = message_->add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    return field;
  }
  FieldDescriptorProto* flag(const std::string& name, int number) {
    return scalar(name, number, FieldDescriptorProto::TYPE_BOOL);
  }
  FieldDescriptorProto* int32(const std::string& name, int number) {
    return scalar(name, number, FieldDescriptorProto::TYPE_INT32);
  }
  FieldDescriptorProto* message(const std::string& name, int number, const std::string& type) {
    FieldDescriptorProto* field = scalar(name, number, FieldDescriptorProto::TYPE_MESSAGE);
    field->set_type_name(type);
    return field;
  }
  FieldDescriptorProto* enumeration(const std::string& name, int number, const std::string& type) {
    FieldDescriptorProto* field = scalar(name, number, FieldDescriptorProto::TYPE_ENUM);
    field->set_type_name(type);
    return field;
  }
  FieldDescriptorProto* repeated(const std::string& name, int number, const std::string& type) {
    FieldDescriptorProto* field = message(name, number, type);
    field->set_label(FieldDescriptorProto::LABEL_REPEATED);
    return field;
  }
  // The next `oneof`; fields are put into it by set_oneof_index(0): no message here has two.
  void oneof(const std::string& name) { message_->add_oneof_decl()->set_name(name); }

 private:
  pb::DescriptorProto* message_;
};

FieldDescriptorProto* Required(FieldDescriptorProto* field) {
  field->mutable_options()->AddExtension(google::api::field_behavior, google::api::REQUIRED);
  return field;
}

void RefersTo(FieldDescriptorProto* field, const KindName& kind) {
  field->mutable_options()->MutableExtension(google::api::resource_reference)->set_type(kind.str());
}

void RefersToParentOf(FieldDescriptorProto* field, const KindName& kind) {
  field->mutable_options()
      ->MutableExtension(google::api::resource_reference)
      ->set_child_type(kind.str());
}

class ApiWriter {
 public:
  explicit ApiWriter(const ServiceDraft& service) : service_(service) {}

  DerivedApi run() {
    begin_file();
    for (const Kind* kind : service_.service.kinds) {
      if (kind->plural.empty() || kind->singular.empty()) continue;
      write_kind(*kind);
      kinds_.push_back(kind);
    }
    if (kinds_.empty()) return {};
    write_transactions();
    write_references();
    return std::move(api_);
  }

 private:
  void begin_file();
  void write_kind(const Kind& kind);
  void write_reads(const Kind& kind);
  void write_writes(const Kind& kind);
  void write_watches(const Kind& kind);
  void write_kind_service(const Kind& kind);
  void write_transactions();
  void write_transact_operation();
  void write_references();

  MessageWriter message(const std::string& name) {
    pb::DescriptorProto* proto = api_.file.add_message_type();
    proto->set_name(name);
    return MessageWriter(proto);
  }
  // A type of this package.
  std::string local(const std::string& name) const {
    return absl::StrCat(".", service_.service.package, ".", name);
  }
  std::string resource(const Kind& kind) const {
    return absl::StrCat(".", kind.message->full_name());
  }
  pb::ServiceDescriptorProto* begin_service(const std::string& name, const std::string& comment);
  // The method is of the service begun last.
  struct MethodSpec {
    std::string name;
    Verb verb;
    const Kind* kind;
    std::string request;
    std::string response;
    std::string signature;
    std::string comment;
  };
  void add_method(const MethodSpec& spec);
  void add_comment(std::vector<int> path, const std::string& text);

  const ServiceDraft& service_;
  std::vector<const Kind*> kinds_;
  DerivedApi api_;
};

bool IsTopLevel(const Kind& kind) {
  return std::all_of(kind.patterns.begin(), kind.patterns.end(), [](const NamePattern& pattern) {
    return Segments(pattern.text()).size() == 2;
  });
}

std::string PluralName(const Kind& kind) { return ToPascalCase(kind.plural); }

void AddParent(MessageWriter& request, const Kind& kind) {
  FieldDescriptorProto* parent = request.scalar("parent", 1);
  if (IsTopLevel(kind)) return;
  RefersToParentOf(Required(parent), kind.name);
}

void ApiWriter::begin_file() {
  pb::FileDescriptorProto& file = api_.file;
  file.set_name(DerivedFileName(service_.service.package));
  file.set_package(service_.service.package);
  file.set_syntax("proto3");
  std::set<std::string> imports = {
      "google/api/annotations.proto",    "google/api/client.proto",
      "google/api/field_behavior.proto", "google/api/resource.proto",
      "google/protobuf/empty.proto",     "google/protobuf/field_mask.proto",
      "holdfast/v1/references.proto",    "holdfast/v1/watch.proto",
  };
  for (const Kind* kind : service_.service.kinds) imports.insert(kind->message->file()->name());
  for (const std::string& name : imports) file.add_dependency(name);
}

void ApiWriter::write_kind(const Kind& kind) {
  write_reads(kind);
  write_writes(kind);
  write_watches(kind);
  write_kind_service(kind);
}

void ApiWriter::write_reads(const Kind& kind) {
  const std::string many = PluralName(kind);
  MessageWriter get = message(absl::StrCat("Get", kind.message_name, "Request"));
  RefersTo(Required(get.scalar("name", 1)), kind.name);
  get.message("read_mask", 2, kFieldMask);

  MessageWriter batch = message(absl::StrCat("BatchGet", many, "Request"));
  RefersToParentOf(batch.scalar("parent", 1), kind.name);
  FieldDescriptorProto* names = Required(batch.scalar("names", 2));
  names->set_label(FieldDescriptorProto::LABEL_REPEATED);
  RefersTo(names, kind.name);
  batch.message("read_mask", 3, kFieldMask);
  MessageWriter batch_response = message(absl::StrCat("BatchGet", many, "Response"));
  batch_response.repeated(kind.plural, 1, resource(kind));
  batch_response.scalar("revision", 2);

  MessageWriter list = message(absl::StrCat("List", many, "Request"));
  AddParent(list, kind);
  list.int32("page_size", 2);
  list.scalar("page_token", 3);
  list.scalar("filter", 4);
  list.scalar("order_by", 5);
  list.message("read_mask", 6, kFieldMask);
  list.flag("show_deleted", 7);
  MessageWriter list_response = message(absl::StrCat("List", many, "Response"));
  list_response.repeated(kind.plural, 1, resource(kind));
  list_response.scalar("next_page_token", 2);
  list_response.scalar("revision", 3);
}

void ApiWriter::write_writes(const Kind& kind) {
  MessageWriter create = message(absl::StrCat("Create", kind.message_name, "Request"));
  AddParent(create, kind);
  create.scalar(kind.singular + "_id", 2);
  Required(create.message(kind.singular, 3, resource(kind)));
  create.scalar("request_id", 4);
  create.flag("validate_only", 5);

  MessageWriter update = message(absl::StrCat("Update", kind.message_name, "Request"));
  Required(update.message(kind.singular, 1, resource(kind)));
  update.message("update_mask", 2, kFieldMask);
  update.flag("allow_missing", 3);
  update.scalar("request_id", 4);
  update.flag("validate_only", 5);

  MessageWriter erase = message(absl::StrCat("Delete", kind.message_name, "Request"));
  RefersTo(Required(erase.scalar("name", 1)), kind.name);
  erase.scalar("etag", 2);
  erase.flag("force", 3);
  erase.flag("allow_missing", 4);
  erase.scalar("request_id", 5);
  erase.flag("validate_only", 6);
  erase.scalar("plan_digest", 7);
}

void ApiWriter::write_watches(const Kind& kind) {
  const std::string many = PluralName(kind);
  MessageWriter one = message(absl::StrCat("Watch", kind.message_name, "Request"));
  RefersTo(Required(one.scalar("name", 1)), kind.name);
  one.scalar("resume_token", 2);
  one.message("read_mask", 3, kFieldMask);

  MessageWriter all = message(absl::StrCat("Watch", many, "Request"));
  AddParent(all, kind);
  all.scalar("filter", 2);
  all.scalar("resume_token", 3);
  all.message("read_mask", 4, kFieldMask);
  all.int32("page_size", 5);

  MessageWriter response = message(absl::StrCat("Watch", many, "Response"));
  response.repeated("changes", 1, local(kind.message_name + "Change"));
  response.scalar("resume_token", 2);
  response.enumeration("phase", 3, ".holdfast.v1.WatchPhase");
  response.flag("bookmark", 4);
  response.scalar("revision", 5);

  MessageWriter change = message(kind.message_name + "Change");
  change.enumeration("type", 1, ".holdfast.v1.ChangeType");
  change.scalar("name", 2);
  change.message(kind.singular, 3, resource(kind));
  change.scalar("resource_version", 4);
}

void ApiWriter::write_kind_service(const Kind& kind) {
  const std::string& one = kind.message_name;
  const std::string many = PluralName(kind);
  const std::string type = kind.name.str();
  auto request = [&](std::string_view verb, const std::string& what) {
    return local(absl::StrCat(ToAbsl(verb), what, "Request"));
  };
  begin_service(one + "Service", absl::StrCat("Resources of kind ", type, "."));
  const std::string create_signature =
      absl::StrCat(IsTopLevel(kind) ? "" : "parent,", kind.singular, ",", kind.singular, "_id");
  const std::string watched = local(absl::StrCat("Watch", many, "Response"));
  const MethodSpec specs[] = {
      {"Get" + one, Verb::kGet, &kind, request("Get", one), resource(kind), "name",
       "Reads one resource."},
      {"BatchGet" + many, Verb::kBatchGet, &kind, request("BatchGet", many),
       local(absl::StrCat("BatchGet", many, "Response")), "",
       "Reads several resources, all as they are at one revision."},
      {"List" + many, Verb::kList, &kind, request("List", many),
       local(absl::StrCat("List", many, "Response")), IsTopLevel(kind) ? "" : "parent",
       "Reads a collection, page by page."},
      {"Create" + one, Verb::kCreate, &kind, request("Create", one), resource(kind),
       create_signature, "Creates a resource."},
      {"Update" + one, Verb::kUpdate, &kind, request("Update", one), resource(kind),
       kind.singular + ",update_mask", "Changes the fields that the mask names."},
      {"Delete" + one, Verb::kDelete, &kind, request("Delete", one), kEmpty, "name",
       "Deletes a resource, and what the schema says goes with it."},
      {"Watch" + one, Verb::kWatch, &kind, request("Watch", one), watched, "name",
       "Follows one resource: what it is, then each change."},
      {"Watch" + many, Verb::kWatchCollection, &kind, request("Watch", many), watched,
       IsTopLevel(kind) ? "" : "parent", "Follows a collection: what is there, then each change."},
  };
  for (const MethodSpec& spec : specs) add_method(spec);
}

void ApiWriter::write_transactions() {
  MessageWriter request = message("TransactRequest");
  Required(request.repeated("operations", 1, local("TransactOperation")));
  request.scalar("request_id", 2);
  request.flag("validate_only", 3);
  write_transact_operation();
  MessageWriter response = message("TransactResponse");
  response.repeated("results", 1, local("TransactResult"));
  response.scalar("revision", 2);
  MessageWriter result = message("TransactResult");
  result.scalar("label", 1);
  result.oneof("result");
  result.message("deleted", 2, kEmpty)->set_oneof_index(0);
  for (const Kind* kind : kinds_) {
    result.message(kind->singular, FieldNumber(kind->singular), resource(*kind))
        ->set_oneof_index(0);
  }
  begin_service("Transactions", "Several writes as one.");
  add_method({"Transact", Verb::kTransact, nullptr, local("TransactRequest"),
              local("TransactResponse"), "operations",
              "Creates, updates and deletes resources of any kinds, all or none."});
}

void ApiWriter::write_transact_operation() {
  MessageWriter operation = message("TransactOperation");
  operation.scalar("label", 1);
  operation.oneof("operation");
  for (const Kind* kind : kinds_) {
    for (const char* verb : {"Create", "Update", "Delete"}) {
      const std::string name = absl::StrCat(ToSnakeCase(verb), "_", kind->singular);
      operation
          .message(name, FieldNumber(name),
                   local(absl::StrCat(verb, kind->message_name, "Request")))
          ->set_oneof_index(0);
    }
  }
}

void ApiWriter::write_references() {
  begin_service("References", "What stands in the way of a deletion, and what would go with it.");
  add_method({"ExplainDelete", Verb::kExplainDelete, nullptr, ".holdfast.v1.ExplainDeleteRequest",
              ".holdfast.v1.ExplainDeleteResponse", "name",
              "Says what deleting a resource would do, without doing it."});
  add_method({"ListReferrers", Verb::kListReferrers, nullptr, ".holdfast.v1.ListReferrersRequest",
              ".holdfast.v1.ListReferrersResponse", "name", "Says what refers to a resource."});
}

pb::ServiceDescriptorProto* ApiWriter::begin_service(const std::string& name,
                                                     const std::string& comment) {
  pb::ServiceDescriptorProto* service = api_.file.add_service();
  service->set_name(name);
  add_comment({pb::FileDescriptorProto::kServiceFieldNumber, api_.file.service_size() - 1},
              comment);
  return service;
}

void ApiWriter::add_method(const MethodSpec& spec) {
  pb::ServiceDescriptorProto* service = api_.file.mutable_service(api_.file.service_size() - 1);
  pb::MethodDescriptorProto* method = service->add_method();
  method->set_name(spec.name);
  method->set_input_type(spec.request);
  method->set_output_type(spec.response);
  method->set_server_streaming(spec.verb == Verb::kWatch || spec.verb == Verb::kWatchCollection);
  api_.methods.push_back({service->name(), spec.name, spec.verb, spec.kind});
  if (!spec.signature.empty()) {
    method->mutable_options()->AddExtension(google::api::method_signature, spec.signature);
  }
  add_comment({pb::FileDescriptorProto::kServiceFieldNumber, api_.file.service_size() - 1,
               pb::ServiceDescriptorProto::kMethodFieldNumber, service->method_size() - 1},
              spec.comment);
  google::api::HttpRule* main = nullptr;
  for (const HttpRule& rule : HttpRulesOf(service_, api_.methods.back())) {
    google::api::HttpRule* http =
        main == nullptr ? method->mutable_options()->MutableExtension(google::api::http)
                        : main->add_additional_bindings();
    if (main == nullptr) main = http;
    if (rule.http_method == "GET") http->set_get(rule.path);
    if (rule.http_method == "POST") http->set_post(rule.path);
    if (rule.http_method == "PATCH") http->set_patch(rule.path);
    if (rule.http_method == "DELETE") http->set_delete_(rule.path);
    http->set_body(rule.body);
  }
}

void ApiWriter::add_comment(std::vector<int> path, const std::string& text) {
  auto* location = api_.file.mutable_source_code_info()->add_location();
  for (int step : path) location->add_path(step);
  for (int i = 0; i < 3; ++i) location->add_span(0);  // there is no text to point at
  location->set_leading_comments(absl::StrCat(" ", text, "\n"));
}

}  // namespace

std::string DerivedFileName(std::string_view package) {
  return absl::StrCat(absl::StrReplaceAll(ToAbsl(package), {{".", "/"}}), "/holdfast_api.proto");
}

int32_t FieldNumber(std::string_view field_name) {
  constexpr uint64_t kFirst = 20000;
  constexpr uint64_t kEnd = 536870911;  // protobuf's highest number
  return static_cast<int32_t>(kFirst + Fnv1a64(field_name) % (kEnd - kFirst));
}

DerivedApi DeriveApi(const ServiceDraft& service) { return ApiWriter(service).run(); }

}  // namespace holdfast::schema
