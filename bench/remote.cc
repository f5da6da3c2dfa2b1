#include "bench/remote.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::bench {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kOpsAtOnce = 500;

const FieldDescriptor* Field(const Message& message, std::string_view name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  HF_CHECK(field != nullptr) << message.GetDescriptor()->full_name() << " has no " << name;
  return field;
}

void Set(Message& message, std::string_view field, std::string value) {
  message.GetReflection()->SetString(&message, Field(message, field), std::move(value));
}

Message* Sub(Message& message, std::string_view field) {
  return message.GetReflection()->MutableMessage(&message, Field(message, field));
}

// "FirewallRule" to "firewall_rule".
std::string Singular(std::string_view kind) {
  std::string text;
  for (const char c : kind) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !text.empty()) text += '_';
    text += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return text;
}

std::string ProjectName(uint64_t n) { return absl::StrCat("projects/p", n); }
std::string ZoneName(uint64_t n) { return absl::StrCat("zones/z", n); }

// Fills in a request to create `kind`.
void FillCreate(Message& request, const std::string& kind, const std::string& name,
                const std::string& zone) {
  const std::string singular = Singular(kind);
  const size_t id = name.rfind('/');
  const size_t collection = name.rfind('/', id - 1);
  if (collection != std::string::npos) Set(request, "parent", name.substr(0, collection));
  Set(request, singular + "_id", name.substr(id + 1));
  Message* resource = Sub(request, singular);
  if (resource->GetDescriptor()->FindFieldByName("description") != nullptr) {
    Set(*resource, "description", Body());
  }
  if (!zone.empty()) Set(*resource, "zone", zone);
}

}  // namespace

Remote::Remote(const std::string& address, size_t max_in_flight) {
  auto client = real::Client::Connect(address, {.max_in_flight = max_in_flight});
  HF_CHECK(client.ok()) << client.status().ToString();
  client_ = *std::move(client);
}

Request Remote::new_create(std::string_view kind, Ids& ids) const {
  const std::string id = absl::StrCat("i", ids.uuid());
  std::string type = "Vpc";
  std::string name = absl::StrCat(ProjectName(ids.below(kProjects)), "/vpcs/", id);
  std::string zone = ZoneName(ids.below(kZones));
  if (kind != "vpc") {
    type = kind == "slot" ? "Slot" : "Mark";
    name = absl::StrCat(ProjectName(0), "/", ToAbsl(kind), "s/", id);
    zone.clear();
  }
  Request request{
      .method = client_->find_method(absl::StrCat("bench.v1.", type, "Service.Create", type))};
  request.message = client_->new_request(request.method);
  FillCreate(*request.message, type, name, zone);
  return request;
}

void Remote::transact(const std::vector<Resource>& resources) {
  const auto* method = client_->find_method("bench.v1.Transactions.Transact");
  for (size_t first = 0; first < resources.size(); first += kOpsAtOnce) {
    const real::MessagePtr request = client_->new_request(method);
    const size_t end = std::min(resources.size(), first + kOpsAtOnce);
    for (size_t i = first; i < end; ++i) {
      Message* operation =
          request->GetReflection()->AddMessage(request.get(), Field(*request, "operations"));
      FillCreate(*Sub(*operation, "create_" + Singular(resources[i].kind)), resources[i].kind,
                 resources[i].name, resources[i].zone);
    }
    client_->call_serialized(method, *request, {}, [](const absl::StatusOr<std::string>& answer) {
      HF_CHECK(answer.ok()) << answer.status().ToString();
    });
  }
  client_->wait_idle();
}

void Remote::fill() {
  std::vector<Resource> resources;
  for (uint64_t n = 0; n < static_cast<uint64_t>(kProjects); ++n)
    resources.push_back({.kind = "Project", .name = ProjectName(n), .zone = ""});
  for (uint64_t n = 0; n < static_cast<uint64_t>(kZones); ++n)
    resources.push_back({.kind = "Zone", .name = ZoneName(n), .zone = ""});
  transact(resources);
}

std::string Remote::fill_vpc(std::string_view id, int rules) {
  const std::string vpc = absl::StrCat(ProjectName(1), "/vpcs/", ToAbsl(id));
  transact({{.kind = "Vpc", .name = vpc, .zone = ZoneName(0)}});
  std::vector<Resource> resources;
  for (uint64_t n = 0; n < static_cast<uint64_t>(rules); ++n) {
    resources.push_back(
        {.kind = "FirewallRule", .name = absl::StrCat(vpc, "/firewallRules/r", n), .zone = ""});
  }
  transact(resources);
  return vpc;
}

void Remote::erase(const std::string& vpc) {
  const auto* method = client_->find_method("bench.v1.VpcService.DeleteVpc");
  const real::MessagePtr request = client_->new_request(method);
  Set(*request, "name", vpc);
  const auto answer = client_->call(method, *request, {.timeout = Seconds(600)});
  HF_CHECK(answer.ok()) << answer.status().ToString();
}

}  // namespace holdfast::bench
