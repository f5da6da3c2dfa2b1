#include "holdfast/app/holdfast/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/api/resource.pb.h"
#include "holdfast/base/strings.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// The client's descriptors are of its own pool, where the extension may be an unknown field.
google::api::ResourceDescriptor ResourceOptions(const Descriptor* type) {
  google::protobuf::MessageOptions options;
  options.ParseFromString(type->options().SerializeAsString());
  return options.GetExtension(google::api::resource);
}

const MethodDescriptor* FindVerb(const ServiceDescriptor* service, std::string_view verb,
                                 std::string_view message) {
  return service->FindMethodByName(absl::StrCat(ToAbsl(verb), ToAbsl(message)));
}

// The resource that a service of one kind is about: what its Get returns.
const Descriptor* ResourceOf(const ServiceDescriptor* service) {
  const std::string_view name = service->name();
  constexpr std::string_view kSuffix = "Service";
  if (!name.ends_with(kSuffix)) return nullptr;
  const std::string_view message = name.substr(0, name.size() - kSuffix.size());
  const MethodDescriptor* get = FindVerb(service, "Get", message);
  return get == nullptr ? nullptr : get->output_type();
}

void FindMethods(const ServiceDescriptor* service, ServedKind& kind) {
  for (const char* verb : {"Get", "Create", "Update", "Delete", "Watch"}) {
    kind.methods[verb] = FindVerb(service, verb, kind.message);
  }
  // List and the collection's Watch have the plural in their names.
  for (int i = 0; i < service->method_count(); ++i) {
    const MethodDescriptor* method = service->method(i);
    if (absl::StartsWith(method->name(), "List")) kind.methods["List"] = method;
    if (method->server_streaming() && method != kind.methods["Watch"]) {
      kind.methods["WatchCollection"] = method;
    }
  }
}

}  // namespace

const MethodDescriptor* ServedKind::method(std::string_view verb) const {
  const auto found = methods.find(verb);
  return found == methods.end() ? nullptr : found->second;
}

Catalog::Catalog(const real::Client& client) {
  for (const ServiceDescriptor* service : client.services()) {
    const Descriptor* type = ResourceOf(service);
    if (type == nullptr) continue;
    const google::api::ResourceDescriptor options = ResourceOptions(type);
    if (options.type().empty()) continue;
    ServedKind kind;
    kind.name = options.type();
    kind.message = type->name();
    kind.package = service->file()->package();
    kind.plural = options.plural();
    kind.type = type;
    for (const std::string& text : options.pattern()) {
      absl::StatusOr<schema::NamePattern> pattern = schema::NamePattern::Parse(text);
      if (pattern.ok()) kind.patterns.push_back(*std::move(pattern));
    }
    FindMethods(service, kind);
    const MethodDescriptor* create = kind.method("Create");
    if (create != nullptr) {
      const auto* resource = create->input_type()->FindFieldByNumber(3);
      if (resource != nullptr) kind.singular = resource->name();
    }
    kinds_.push_back(std::move(kind));
  }
  std::sort(kinds_.begin(), kinds_.end(),
            [](const ServedKind& a, const ServedKind& b) { return a.name < b.name; });
}

absl::StatusOr<const ServedKind*> Catalog::find(std::string_view word) const {
  std::vector<const ServedKind*> found;
  for (const ServedKind& kind : kinds_) {
    for (const std::string* alias : {&kind.name, &kind.message, &kind.singular, &kind.plural}) {
      if (!absl::EqualsIgnoreCase(*alias, ToAbsl(word))) continue;
      found.push_back(&kind);
      break;
    }
  }
  if (found.size() == 1) return found[0];
  std::vector<std::string> names;
  if (found.empty()) {
    for (const ServedKind& kind : kinds_) names.push_back(kind.plural);
    return absl::NotFoundError(absl::StrCat("the server has no kind \"", ToAbsl(word),
                                            "\"; it has: ", absl::StrJoin(names, ", ")));
  }
  for (const ServedKind* kind : found) names.push_back(kind->name);
  return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(word), "\" may be ",
                                                 absl::StrJoin(names, " or "), "; say which"));
}

absl::StatusOr<const ServedKind*> Catalog::find_by_name(std::string_view name) const {
  std::vector<std::string> patterns;
  for (const ServedKind& kind : kinds_) {
    for (const schema::NamePattern& pattern : kind.patterns) {
      if (pattern.matches(name)) return &kind;
      patterns.push_back(pattern.text());
    }
  }
  return absl::NotFoundError(absl::StrCat("\"", ToAbsl(name),
                                          "\" has the form of no kind that the server has: ",
                                          absl::StrJoin(patterns, ", ")));
}

absl::StatusOr<Catalog::Collection> Catalog::find_collection(std::string_view text) const {
  const size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || text.find('.') < slash) {
    absl::StatusOr<const ServedKind*> kind = find(text);
    if (!kind.ok()) return kind.status();
    return Collection{*kind, ""};
  }
  const std::string_view parent = text.substr(0, slash);
  for (const ServedKind& kind : kinds_) {
    for (const schema::NamePattern& pattern : kind.patterns) {
      if (pattern.collection() == text.substr(slash + 1) &&
          pattern.matches_collection_parent(parent)) {
        return Collection{&kind, std::string(parent)};
      }
    }
  }
  return absl::NotFoundError(absl::StrCat("no kind has a collection \"", ToAbsl(text), "\""));
}

std::vector<const ServedKind*> Catalog::children_of(const ServedKind& kind) const {
  std::vector<const ServedKind*> children;
  for (const ServedKind& child : kinds_) {
    const bool is_child = std::any_of(
        child.patterns.begin(), child.patterns.end(), [&](const schema::NamePattern& pattern) {
          return std::any_of(kind.patterns.begin(), kind.patterns.end(),
                             [&](const auto& own) { return own.text() == pattern.parent_text(); });
        });
    if (is_child) children.push_back(&child);
  }
  return children;
}

}  // namespace holdfast::cli
