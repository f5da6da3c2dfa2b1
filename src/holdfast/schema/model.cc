#include "holdfast/schema/model.h"

#include <algorithm>
#include <compare>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"
#include "holdfast/schema/graph.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

struct ParsedVersion {
  bool well_formed = false;
  int64_t major = 0;
  int stage = 0;  // 0 alpha, 1 beta, 2 stable
  int64_t minor = 0;

  friend auto operator<=>(const ParsedVersion&, const ParsedVersion&) = default;
};

// At most six digits: enough for any version, and never an overflow. -1 if there is none.
int64_t TakeNumber(std::string_view& text) {
  size_t digits = 0;
  int64_t value = 0;
  while (digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + (text[digits++] - '0');
  }
  text.remove_prefix(digits);
  return digits == 0 ? -1 : value;
}

ParsedVersion ParseVersion(std::string_view text) {
  if (text.empty() || text[0] != 'v') return {};
  text.remove_prefix(1);
  ParsedVersion result;
  result.major = TakeNumber(text);
  if (result.major < 0) return {};
  result.stage = 2;
  for (const auto& [word, stage] : {std::pair<std::string_view, int>{"alpha", 0}, {"beta", 1}}) {
    if (!text.starts_with(word)) continue;
    text.remove_prefix(word.size());
    result.stage = stage;
    result.minor = TakeNumber(text);
    if (result.minor < 0) return {};
  }
  if (!text.empty()) return {};
  result.well_formed = true;
  return result;
}

ParentDeletion ToParentDeletion(holdfast::ParentDeletion value) {
  switch (value) {
    case PARENT_BLOCK:
      return schema::ParentDeletion::kBlock;
    case PARENT_ASYNC_CASCADE_DELETE:
      return schema::ParentDeletion::kAsyncCascadeDelete;
    default:
      return schema::ParentDeletion::kCascadeDelete;
  }
}

void FillNames(KindDraft& draft) {
  Kind& kind = draft.kind;
  kind.name = KindName(draft.resource.type());
  kind.message_name = kind.message->name();
  const std::string& singular =
      draft.resource.singular().empty() ? kind.message_name : draft.resource.singular();
  if (IsWord(singular)) kind.singular = ToSnakeCase(singular);
  if (IsWord(draft.resource.plural())) kind.plural = ToSnakeCase(draft.resource.plural());
  kind.name_field = kind.message->FindFieldByName("name");
  kind.metadata_field = kind.message->FindFieldByName("metadata");
  for (const std::string& text : draft.resource.pattern()) {
    absl::StatusOr<NamePattern> pattern = NamePattern::Parse(text);
    if (pattern.ok()) kind.patterns.push_back(*std::move(pattern));
  }
  kind.parents.resize(kind.patterns.size(), nullptr);
}

void FillRules(KindDraft& draft) {
  Kind& kind = draft.kind;
  kind.on_parent_deleted = ToParentDeletion(draft.options.on_parent_deleted());
  kind.async_deletion = draft.options.async_deletion();
  kind.unconstrained = draft.options.unconstrained();
  for (const auto& limit : draft.options.limit()) {
    kind.limits.push_back({KindName(limit.per()), limit.default_max()});
  }
  for (const auto& index : draft.options.index()) {
    kind.indexes.push_back({{index.fields().begin(), index.fields().end()}});
  }
  for (const auto& search : draft.options.search()) {
    kind.search_fields.insert(kind.search_fields.end(), search.fields().begin(),
                              search.fields().end());
  }
}

void FillAnnotated(KindDraft& draft) {
  Kind& kind = draft.kind;
  for (const AnnotatedField& annotated : draft.annotated.fields) {
    const pb::FieldDescriptor* field = annotated.field();
    if (IsReference(field) && !kind.unconstrained) {
      const std::string target = ReferenceTarget(field);
      kind.references.push_back({annotated.path, annotated.steps,
                                 KindName(target == "*" ? "" : target), ReferenceBehaviour(field),
                                 IsRequired(field)});
    }
    const UniqueScope scope = field->options().GetExtension(holdfast::field).unique_in();
    if (scope != UNIQUE_SCOPE_UNSPECIFIED && !annotated.repeated) {
      kind.unique.push_back(
          {annotated.path, annotated.steps,
           scope == KIND ? UniqueRule::Scope::kKind : UniqueRule::Scope::kParent});
    }
  }
}

std::unique_ptr<KindDraft> MakeKind(const pb::Descriptor* message, ServiceDraft* service) {
  auto draft = std::make_unique<KindDraft>();
  draft->service = service;
  draft->kind.service = &service->service;
  draft->kind.message = message;
  draft->resource = message->options().GetExtension(google::api::resource);
  draft->options = message->options().GetExtension(resource);
  draft->annotated = FindAnnotatedFields(message);
  FillNames(*draft);
  FillRules(*draft);
  FillAnnotated(*draft);
  return draft;
}

std::unique_ptr<ServiceDraft> MakeService(const PackageDraft& package,
                                          const pb::FileDescriptor* declared_in) {
  auto draft = std::make_unique<ServiceDraft>();
  const ServiceOptions& options = declared_in->options().GetExtension(service);
  draft->declared_in = declared_in;
  draft->service.domain = ServiceDomain(options.domain());
  draft->service.version = ApiVersion(options.version());
  draft->service.package = package.name;
  for (const auto& import : options.imports()) {
    draft->service.imports.push_back(
        {ServiceDomain(import.domain()), ApiVersion(import.version())});
  }
  for (const std::string& domain : options.uses()) draft->service.uses.emplace_back(domain);
  return draft;
}

std::vector<PackageDraft> GroupByPackage(const std::vector<const pb::FileDescriptor*>& files) {
  std::map<std::string, PackageDraft> packages;
  for (const pb::FileDescriptor* file : files) {
    PackageDraft& package = packages[file->package()];
    package.name = file->package();
    package.files.push_back(file);
  }
  std::vector<PackageDraft> result;
  for (auto& [name, package] : packages) result.push_back(std::move(package));
  return result;
}

void AddServices(Model& model) {
  for (PackageDraft& package : model.packages) {
    auto declares = [](const pb::FileDescriptor* f) { return f->options().HasExtension(service); };
    auto file = std::find_if(package.files.begin(), package.files.end(), declares);
    if (file == package.files.end()) continue;
    model.services.push_back(MakeService(package, *file));
    package.service = model.services.back().get();
  }
  std::sort(model.services.begin(), model.services.end(), [](const auto& a, const auto& b) {
    const Service& s = a->service;
    const Service& t = b->service;
    if (s.domain != t.domain) return s.domain < t.domain;
    const int order = CompareVersions(s.version, t.version);
    return order != 0 ? order < 0 : s.package < t.package;
  });
}

void AddKinds(Model& model) {
  for (const PackageDraft& package : model.packages) {
    if (package.service == nullptr) continue;
    for (const pb::FileDescriptor* file : package.files) {
      for (int i = 0; i < file->message_type_count(); ++i) {
        if (!IsResource(file->message_type(i))) continue;
        model.kinds.push_back(MakeKind(file->message_type(i), package.service));
      }
    }
  }
  std::stable_sort(model.kinds.begin(), model.kinds.end(),
                   [](const auto& a, const auto& b) { return a->kind.name < b->kind.name; });
  for (const auto& draft : model.kinds) {
    draft->service->kinds.push_back(draft.get());
    draft->service->service.kinds.push_back(&draft->kind);
  }
}

void ResolveImports(Model& model) {
  for (const auto& draft : model.services) {
    for (const Service::Import& import : draft->service.imports) {
      for (const auto& other : model.services) {
        if (other->service.domain == import.domain && other->service.version == import.version) {
          draft->imports.push_back(other.get());
        }
      }
    }
  }
}

}  // namespace

Model BuildModel(const pb::DescriptorPool* pool,
                 const std::vector<const pb::FileDescriptor*>& files) {
  Model model;
  model.pool = pool;
  model.packages = GroupByPackage(files);
  AddServices(model);
  AddKinds(model);
  ResolveImports(model);
  ConnectKinds(model);
  return model;
}

int CompareVersions(const ApiVersion& a, const ApiVersion& b) {
  const ParsedVersion x = ParseVersion(a.str());
  const ParsedVersion y = ParseVersion(b.str());
  const auto order = std::tie(x, a) <=> std::tie(y, b);
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

bool IsVersion(std::string_view text) { return ParseVersion(text).well_formed; }

KindDraft* FindReferable(const ServiceDraft& from, const KindName& name) {
  auto find_in = [&](const ServiceDraft& service) -> KindDraft* {
    for (KindDraft* draft : service.kinds) {
      if (draft->kind.name == name) return draft;
    }
    return nullptr;
  };
  if (KindDraft* own = find_in(from); own != nullptr) return own;
  for (const ServiceDraft* import : from.imports) {
    if (KindDraft* imported = find_in(*import); imported != nullptr) return imported;
  }
  return nullptr;
}

std::string ShapeOf(std::string_view name_or_pattern) {
  std::string shape;
  bool variable = false;
  for (std::string_view segment : Segments(name_or_pattern)) {
    absl::StrAppend(&shape, shape.empty() ? "" : "/", variable ? "*" : ToAbsl(segment));
    variable = !variable;
  }
  return shape;
}

std::string ReferenceTarget(const pb::FieldDescriptor* field) {
  return field->options().GetExtension(google::api::resource_reference).type();
}

OnDelete ReferenceBehaviour(const pb::FieldDescriptor* field) {
  switch (field->options().GetExtension(reference).on_delete()) {
    case UNSET:
      return OnDelete::kUnset;
    case CASCADE_DELETE:
      return OnDelete::kCascadeDelete;
    case ASYNC_UNSET:
      return OnDelete::kAsyncUnset;
    case ASYNC_CASCADE_DELETE:
      return OnDelete::kAsyncCascadeDelete;
    case ALLOW_DANGLING:
      return OnDelete::kAllowDangling;
    default:
      return OnDelete::kBlock;
  }
}

bool IsResource(const pb::Descriptor* message) {
  return message->options().HasExtension(google::api::resource);
}

}  // namespace holdfast::schema
