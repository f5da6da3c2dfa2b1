// HTTP paths of the derived methods, AIP-127 and AIP-131 to AIP-136.
#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "holdfast/schema/derive.h"

namespace holdfast::schema {
namespace {

// "projects/*/vpcs/*": what a variable of a path template matches.
std::string NameTemplate(const NamePattern& pattern) { return ShapeOf(pattern.text()); }

// "/v1/{parent=projects/*}/vpcs", or "/v1/vpcs" at the top.
std::string CollectionPath(const std::string& root, const NamePattern& pattern) {
  const std::string own = absl::StrCat("/", pattern.collection(), "/*");
  const std::string all = "/" + NameTemplate(pattern);
  const std::string above = all.substr(0, all.size() - own.size());
  if (above.empty()) return absl::StrCat(root, "/", pattern.collection());
  return absl::StrCat(root, "/{parent=", above.substr(1), "}/", pattern.collection());
}

std::string ResourcePath(const std::string& root, const NamePattern& pattern,
                         std::string_view variable) {
  return absl::StrCat(root, "/{", ToAbsl(variable), "=", NameTemplate(pattern), "}");
}

HttpRule RuleFor(const std::string& root, const NamePattern& pattern, Verb verb,
                 const std::string& resource_field) {
  switch (verb) {
    case Verb::kGet:
      return {"GET", ResourcePath(root, pattern, "name"), ""};
    case Verb::kBatchGet:
      return {"GET", CollectionPath(root, pattern) + ":batchGet", ""};
    case Verb::kList:
      return {"GET", CollectionPath(root, pattern), ""};
    case Verb::kCreate:
      return {"POST", CollectionPath(root, pattern), resource_field};
    case Verb::kUpdate:
      return {"PATCH", ResourcePath(root, pattern, resource_field + ".name"), resource_field};
    case Verb::kDelete:
      return {"DELETE", ResourcePath(root, pattern, "name"), ""};
    case Verb::kWatch:
      return {"GET", ResourcePath(root, pattern, "name") + ":watch", ""};
    case Verb::kWatchCollection:
      return {"GET", CollectionPath(root, pattern) + ":watch", ""};
    case Verb::kExplainDelete:
      return {"GET", ResourcePath(root, pattern, "name") + ":explainDelete", ""};
    case Verb::kListReferrers:
      return {"GET", ResourcePath(root, pattern, "name") + ":referrers", ""};
    case Verb::kTransact:
      break;
  }
  HF_CHECK(false) << "Transact has no resource path";
  return {};
}

}  // namespace

std::vector<HttpRule> HttpRulesOf(const ServiceDraft& service, const DerivedMethod& method) {
  const std::string root = "/" + service.service.version.str();
  if (method.verb == Verb::kTransact) {
    return {{"POST", absl::StrCat(root, "/", service.service.domain.str(), ":transact"), "*"}};
  }
  std::vector<HttpRule> rules;
  for (const Kind* kind : service.service.kinds) {
    if (method.kind != nullptr && method.kind != kind) continue;
    for (const NamePattern& pattern : kind->patterns) {
      rules.push_back(RuleFor(root, pattern, method.verb, kind->singular));
    }
  }
  return rules;
}

}  // namespace holdfast::schema
