#include "sim/cluster/service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/network/hooks/hooks.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "sim/embedded.h"

namespace holdfast::sim {
namespace {

std::unique_ptr<SimService> Load(const std::string& file, std::string_view text) {
  auto loaded = std::make_unique<SimService>();
  absl::StatusOr<std::unique_ptr<schema::Schema>> schema =
      schema::LoadTexts({{file, std::string(text)}});
  HF_CHECK(schema.ok()) << schema.status();
  loaded->schema = *std::move(schema);
  loaded->service = loaded->schema->services().at(0);
  return loaded;
}

}  // namespace

std::vector<storage::IndexDefinition> SimService::indexes() const {
  std::vector<storage::IndexDefinition> indexes;
  for (const schema::Kind* kind : service->kinds) {
    for (const schema::IndexRule& rule : kind->indexes) indexes.push_back({kind->name, rule.paths});
  }
  return indexes;
}

const schema::Kind& SimService::kind(const std::string& message_name) const {
  const schema::Kind* kind =
      schema->find_kind(KindName(absl::StrCat(service->domain.str(), "/", message_name)));
  HF_CHECK(kind != nullptr) << message_name;
  return *kind;
}

const schema::Method& SimService::method(schema::Verb verb, const schema::Kind* kind) const {
  const auto found = std::find_if(
      service->methods.begin(), service->methods.end(),
      [&](const schema::Method* method) { return method->verb == verb && method->kind == kind; });
  HF_CHECK(found != service->methods.end());
  return **found;
}

const SimService& NetworkService() {
  static const std::unique_ptr<SimService> service = [] {
    auto loaded = Load("network/v1/network.proto", embedded::kNetworkProto);
    // Few ids, so that they are fought for.
    network::NetworkOptions options;
    options.first_vni = 1;
    options.last_vni = 400;
    loaded->register_hooks = [options](store::HookRegistry& hooks) {
      network::RegisterHooks(hooks, options);
    };
    return loaded;
  }();
  return *service;
}

const SimService& ArchiveService() {
  static const std::unique_ptr<SimService> service = [] {
    auto loaded = Load("archive/v1/archive.proto", embedded::kArchiveProto);
    loaded->register_hooks = [](store::HookRegistry&) {};
    return loaded;
  }();
  return *service;
}

}  // namespace holdfast::sim
