#include "holdfast/schema/schema_impl.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/macros.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

// The linter lets no author's schema get here with an error; what arrives is a bug of ours.
class BugCollector : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    absl::StrAppend(&text_, file, ": ", element, ": ", message, "\n");
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void AddWithImports(const pb::FileDescriptor* file,
                    std::map<std::string, const pb::FileDescriptor*>& files) {
  if (!files.emplace(file->name(), file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) AddWithImports(file->dependency(i), files);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Schema>> SchemaImpl::Create(Compiled compiled, Model model) {
  std::unique_ptr<SchemaImpl> schema(new SchemaImpl(std::move(compiled), std::move(model)));
  for (const auto& draft : schema->model_.services) HF_RETURN_IF_ERROR(schema->derive(*draft));
  schema->index_names();
  return schema;
}

SchemaImpl::SchemaImpl(Compiled compiled, Model model)
    : compiled_(std::move(compiled)),
      model_(std::move(model)),
      factory_(std::make_unique<pb::DynamicMessageFactory>(compiled_.pool.get())) {
  // Messages of the generated pool are made by their own classes, also inside dynamic ones.
  factory_->SetDelegateToGeneratedFactory(true);
}

absl::Status SchemaImpl::derive(ServiceDraft& draft) {
  services_.push_back(&draft.service);
  const DerivedApi api = DeriveApi(draft);
  if (api.methods.empty()) return absl::OkStatus();
  BugCollector bugs;
  const pb::FileDescriptor* file = compiled_.pool->BuildFileCollectingErrors(api.file, &bugs);
  if (file == nullptr) {
    return absl::InternalError(absl::StrCat("the derived API doesn't compile: ", bugs.text()));
  }
  derived_files_.push_back(file);
  for (const DerivedMethod& method : api.methods) add_method(draft, *file, method);
  return absl::OkStatus();
}

void SchemaImpl::add_method(ServiceDraft& draft, const pb::FileDescriptor& file,
                            const DerivedMethod& derived) {
  const auto* descriptor = file.FindServiceByName(derived.service)->FindMethodByName(derived.name);
  auto method = std::make_unique<Method>();
  method->full_name = absl::StrCat("/", descriptor->service()->full_name(), "/", derived.name);
  method->verb = derived.verb;
  method->service = &draft.service;
  method->kind = derived.kind;
  method->descriptor = descriptor;
  method->request = descriptor->input_type();
  method->response = descriptor->output_type();
  method->server_streaming = descriptor->server_streaming();
  method->http = HttpRulesOf(draft, derived);
  if (derived.verb == Verb::kTransact) add_transact_fields(draft.service, *method);
  draft.service.methods.push_back(method.get());
  methods_.push_back(method.get());
  methods_by_name_[method->full_name] = method.get();
  owned_methods_.push_back(std::move(method));
}

void SchemaImpl::add_transact_fields(Service& service, const Method& transact) {
  const pb::Descriptor* operation = transact.request->FindFieldByName("operations")->message_type();
  for (const Kind* kind : service.kinds) {
    const std::pair<const char*, Verb> verbs[] = {
        {"create_", Verb::kCreate}, {"update_", Verb::kUpdate}, {"delete_", Verb::kDelete}};
    for (const auto& [prefix, verb] : verbs) {
      const pb::FieldDescriptor* field = operation->FindFieldByName(prefix + kind->singular);
      HF_CHECK(field != nullptr) << prefix << kind->singular;
      service.transact_fields.push_back({field, verb, kind});
    }
  }
}

void SchemaImpl::index_names() {
  // Services are in order of version: what comes later is newer, and takes its place.
  for (const auto& service : model_.services) {
    for (const KindDraft* draft : service->kinds) {
      kinds_by_name_[draft->kind.name] = &draft->kind;
      for (const NamePattern& pattern : draft->kind.patterns) {
        kinds_by_shape_[{&service->service, ShapeOf(pattern.text())}] = &draft->kind;
      }
    }
  }
}

const Service* SchemaImpl::find_service(const ServiceDomain& domain,
                                        const ApiVersion& version) const {
  auto it = std::find_if(services_.begin(), services_.end(), [&](const Service* service) {
    return service->domain == domain && service->version == version;
  });
  return it == services_.end() ? nullptr : *it;
}

const Kind* SchemaImpl::find_kind(const KindName& name) const {
  auto it = kinds_by_name_.find(name);
  return it == kinds_by_name_.end() ? nullptr : it->second;
}

const Kind* SchemaImpl::find_kind_by_name(const Service& service, const ResourceName& name) const {
  if (name.str().size() > kMaxNameBytes) return nullptr;
  auto it = kinds_by_shape_.find({&service, ShapeOf(name.str())});
  if (it == kinds_by_shape_.end() || !it->second->match(name)) return nullptr;
  return it->second;
}

const Method* SchemaImpl::find_method(std::string_view full_name) const {
  auto it = methods_by_name_.find(full_name);
  return it == methods_by_name_.end() ? nullptr : it->second;
}

std::vector<const pb::FileDescriptor*> SchemaImpl::files() const {
  std::map<std::string, const pb::FileDescriptor*> files;
  for (const pb::FileDescriptor* file : compiled_.files) AddWithImports(file, files);
  for (const pb::FileDescriptor* file : derived_files_) AddWithImports(file, files);
  std::vector<const pb::FileDescriptor*> result;
  for (const auto& [name, file] : files) result.push_back(file);
  return result;
}

std::unique_ptr<pb::Message> SchemaImpl::new_message(const pb::Descriptor* type) const {
  return std::unique_ptr<pb::Message>(factory_->GetPrototype(type)->New());
}

}  // namespace holdfast::schema
