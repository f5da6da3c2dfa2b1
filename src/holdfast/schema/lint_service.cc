// Rules about services and what they import.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

std::string Title(const Service& of) {
  return absl::StrCat(of.domain.str(), " ", of.version.str());
}

Place PlaceOfService(const ServiceDraft& draft) {
  return PlaceOfOption(draft.declared_in, holdfast::service.number());
}

// Lowercase labels of letters, digits and hyphens, at least two of them.
bool IsDomain(std::string_view text) {
  const bool bytes_ok = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
  auto edge_ok = [](char c) { return c != '.' && c != '-'; };
  return bytes_ok && !text.empty() && edge_ok(text.front()) && edge_ok(text.back()) &&
         text.find('.') != std::string_view::npos && text.find("..") == std::string_view::npos;
}

void CheckServiceMissing(const Model& model, const Report& report) {
  for (const PackageDraft& package : model.packages) {
    if (package.service != nullptr) continue;
    for (const pb::FileDescriptor* file : package.files) {
      for (int i = 0; i < file->message_type_count(); ++i) {
        if (!IsResource(file->message_type(i))) continue;
        report(PlaceOf(file->message_type(i)),
               absl::StrCat("package ", package.name,
                            " has resources, but no file of it says "
                            "which service they are of: add `option (holdfast.service) = …`"));
      }
    }
  }
}

void CheckServiceConflict(const Model& model, const Report& report) {
  for (const PackageDraft& package : model.packages) {
    if (package.service == nullptr) continue;
    const pb::FileDescriptor* first = package.service->declared_in;
    const std::string wanted = first->options().GetExtension(service).SerializeAsString();
    for (const pb::FileDescriptor* file : package.files) {
      const pb::FileOptions& options = file->options();
      if (!options.HasExtension(service) ||
          options.GetExtension(service).SerializeAsString() == wanted) {
        continue;
      }
      report(PlaceOfOption(file, service.number()),
             absl::StrCat("a package is one service in one version, but this differs from the "
                          "service option in ",
                          first->name()));
    }
  }
}

void CheckServiceInvalid(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    const Service& checked = draft->service;
    if (!IsDomain(checked.domain.str())) {
      report(PlaceOfService(*draft),
             absl::StrCat("\"", checked.domain.str(), "\" isn't a domain like network.acme.com"));
    }
    if (!IsVersion(checked.version.str())) {
      report(PlaceOfService(*draft),
             absl::StrCat("\"", checked.version.str(), "\" isn't a version like v1 or v1alpha2"));
    }
  }
}

void CheckPackageMissing(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    if (!draft->service.package.empty()) continue;
    report(PlaceOfService(*draft), "a service needs a `package`: its API is derived into it");
  }
}

void CheckServiceTwice(const Model& model, const Report& report) {
  std::map<std::string, const ServiceDraft*> seen;
  for (const auto& draft : model.services) {
    auto [it, added] = seen.emplace(Title(draft->service), draft.get());
    if (added) continue;
    report(PlaceOfService(*draft),
           absl::StrCat(it->first, " is already package ", it->second->service.package));
  }
}

void CheckImportUnknown(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    for (const Service::Import& import : draft->service.imports) {
      const bool known =
          std::any_of(draft->imports.begin(), draft->imports.end(), [&](const ServiceDraft* other) {
            return other->service.domain == import.domain &&
                   other->service.version == import.version;
          });
      if (known || import.domain == draft->service.domain) continue;
      report(PlaceOfService(*draft),
             absl::StrCat("imports ", import.domain.str(), " ", import.version.str(),
                          ", which isn't among the loaded files"));
    }
  }
}

void CheckImportTwice(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    std::set<ServiceDomain> seen;
    for (const Service::Import& import : draft->service.imports) {
      if (seen.insert(import.domain).second) continue;
      report(PlaceOfService(*draft),
             absl::StrCat("imports ", import.domain.str(), " twice: one version of it is enough"));
    }
  }
}

void CheckImportOwnDomain(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    for (const Service::Import& import : draft->service.imports) {
      if (import.domain != draft->service.domain) continue;
      report(PlaceOfService(*draft),
             "imports itself: a service refers to its own kinds without that");
    }
  }
}

// Depth first; what is on the path when met again closes a cycle.
class CycleFinder {
 public:
  explicit CycleFinder(const Report& report) : report_(report) {}

  void visit(const ServiceDraft* draft) {
    if (done_.contains(draft)) return;
    auto open = std::find(path_.begin(), path_.end(), draft);
    if (open != path_.end()) {
      std::vector<std::string> names;
      for (auto it = open; it != path_.end(); ++it) names.push_back(Title((*it)->service));
      names.push_back(Title(draft->service));
      report_(PlaceOfService(*path_.back()),
              absl::StrCat("imports go in a circle: ", absl::StrJoin(names, " -> ")));
      return;
    }
    path_.push_back(draft);
    for (const ServiceDraft* import : draft->imports) {
      if (import->service.domain != draft->service.domain) visit(import);
    }
    path_.pop_back();
    done_.insert(draft);
  }

 private:
  const Report& report_;
  std::vector<const ServiceDraft*> path_;
  std::set<const ServiceDraft*> done_;
};

void CheckImportCycle(const Model& model, const Report& report) {
  CycleFinder finder(report);
  for (const auto& draft : model.services) finder.visit(draft.get());
}

constexpr LintRule kServiceRules[] = {
    {"service-missing", "A package with resources has no (holdfast.service) option.",
     CheckServiceMissing},
    {"service-conflict", "Two files of one package have different (holdfast.service) options.",
     CheckServiceConflict},
    {"service-invalid", "A service's domain or version is malformed.", CheckServiceInvalid},
    {"service-twice", "Two packages are the same service in the same version.", CheckServiceTwice},
    {"package-missing", "A file with a service has no package.", CheckPackageMissing},
    {"import-unknown", "An imported service, in that version, isn't loaded.", CheckImportUnknown},
    {"import-twice", "A service is imported more than once.", CheckImportTwice},
    {"import-own-domain", "A service imports a version of itself.", CheckImportOwnDomain},
    {"import-cycle", "Services import each other in a circle.", CheckImportCycle},
};

}  // namespace

std::span<const LintRule> ServiceRules() { return kServiceRules; }

}  // namespace holdfast::schema
