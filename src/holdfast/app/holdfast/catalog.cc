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

bool IsCalled(const ServedKind& kind, std::string_view word) {
  for (const std::string* alias : {&kind.name, &kind.message, &kind.singular, &kind.plural}) {
    if (absl::EqualsIgnoreCase(*alias, ToAbsl(word))) return true;
  }
  return false;
}

bool HasCollection(const ServedKind& kind, std::string_view id) {
  return std::any_of(
      kind.patterns.begin(), kind.patterns.end(),
      [&](const schema::NamePattern& pattern) { return pattern.collection() == id; });
}

absl::Status Ambiguous(std::string_view text, const std::vector<const ServedKind*>& kinds) {
  std::vector<std::string> names;
  for (const ServedKind* kind : kinds) names.push_back(kind->name);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", ToAbsl(text), "\" may be ", absl::StrJoin(names, " or "), "; say which"));
}

// "suites/-": every parent that resources of the kind's first pattern may have.
std::string AnyParent(const ServedKind& kind) {
  if (kind.patterns.empty()) return "";
  const std::vector<std::string_view> segments = schema::Segments(kind.patterns[0].text());
  std::vector<std::string> parent;
  for (size_t i = 0; i + 2 < segments.size(); ++i) {
    parent.emplace_back(i % 2 == 0 ? segments[i] : "-");
  }
  return absl::StrJoin(parent, "/");
}

}  // namespace

NameParts SplitName(std::string_view name) {
  const size_t id = name.rfind('/');
  if (id == std::string_view::npos || id == 0) return {"", std::string(name)};
  const size_t collection = name.rfind('/', id - 1);
  const size_t parent_end = collection == std::string_view::npos ? 0 : collection;
  return {std::string(name.substr(0, parent_end)), std::string(name.substr(id + 1))};
}

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
    if (IsCalled(kind, word)) found.push_back(&kind);
  }
  for (const ServedKind& kind : kinds_) {
    if (found.empty() && HasCollection(kind, word)) found.push_back(&kind);
  }
  if (found.size() == 1) return found[0];
  if (!found.empty()) return Ambiguous(word, found);
  std::vector<std::string> names;
  for (const ServedKind& kind : kinds_) names.push_back(kind.plural);
  return absl::NotFoundError(absl::StrCat("the server has no kind \"", ToAbsl(word),
                                          "\"; it has: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<const ServedKind*> Catalog::find_by_name(std::string_view name) const {
  std::vector<std::string> patterns;
  std::vector<const ServedKind*> found;
  for (const ServedKind& kind : kinds_) {
    for (const schema::NamePattern& pattern : kind.patterns) {
      if (pattern.matches(name)) found.push_back(&kind);
      patterns.push_back(pattern.text());
    }
  }
  if (found.size() == 1) return found[0];
  if (!found.empty()) return Ambiguous(name, found);
  return absl::NotFoundError(absl::StrCat(
      "\"", ToAbsl(name),
      "\" has the form of no kind that the server has: ", absl::StrJoin(patterns, ", ")));
}

absl::StatusOr<Catalog::Collection> Catalog::find_collection(std::string_view text) const {
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos) {
    const std::string_view parent = text.substr(0, slash);
    for (const ServedKind& kind : kinds_) {
      for (const schema::NamePattern& pattern : kind.patterns) {
        if (pattern.collection() == text.substr(slash + 1) &&
            pattern.matches_collection_parent(parent)) {
          return Collection{&kind, std::string(parent)};
        }
      }
    }
  }
  absl::StatusOr<const ServedKind*> kind = find(text);
  if (!kind.ok()) return kind.status();
  return Collection{*kind, AnyParent(**kind)};
}

std::vector<Catalog::Child> Catalog::children_of(const ServedKind& kind) const {
  std::vector<Child> children;
  for (const ServedKind& child : kinds_) {
    for (const schema::NamePattern& pattern : child.patterns) {
      const bool is_child = std::any_of(
          kind.patterns.begin(), kind.patterns.end(),
          [&](const schema::NamePattern& own) { return own.text() == pattern.parent_text(); });
      if (!is_child) continue;
      const bool between = schema::Segments(pattern.text()).size() >
                           schema::Segments(pattern.parent_text()).size() + 2;
      children.push_back({&child, between ? "/regions/-" : ""});
      break;
    }
  }
  return children;
}

}  // namespace holdfast::cli
