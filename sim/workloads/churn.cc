#include "sim/workloads/churn.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

// Few, so that clients meet.
constexpr uint64_t kProjects = 3;
constexpr uint64_t kChurnedVpcs = 2;
constexpr uint64_t kChildren = 3;

constexpr const char* kOrganization = "organizations/o1";
constexpr const char* kKinds[] = {"Project",      "Vpc",   "Subnet",   "Router",
                                  "FirewallRule", "Route", "Instance", "InternetGateway"};

}  // namespace

std::string Churn::project() {
  return absl::StrCat(kOrganization, "/projects/", actor().any("p", kProjects));
}

std::string Churn::vpc() {
  const std::string id = world().chance(0.3) ? "default" : actor().any("v", kChurnedVpcs);
  return absl::StrCat(project(), "/vpcs/", id);
}

std::string Churn::any_name(const std::string& kind) {
  const auto child = [&](const std::string& parent, const std::string& collection,
                         const std::string& prefix) {
    return absl::StrCat(parent, "/", collection, "/", actor().any(prefix, kChildren));
  };
  if (kind == "Project") return project();
  if (kind == "Vpc") return vpc();
  // Those that a VPC is born with are there more often than others.
  if (kind == "Subnet" && world().chance(0.5)) return absl::StrCat(vpc(), "/subnets/default");
  if (kind == "Subnet") return child(vpc(), "subnets", "s");
  if (kind == "Router") return child(vpc(), "routers", "r");
  if (kind == "FirewallRule") return child(vpc(), "firewallRules", "f");
  if (kind == "InternetGateway") return child(vpc(), "internetGateways", "g");
  if (kind == "Route") return child(absl::StrCat(vpc(), "/routers/system"), "routes", "t");
  return child(project(), "instances", "i");
}

// With references to what may be there, and may be going.
Write Churn::any_create() {
  const std::string kind = kKinds[world().below(std::size(kKinds))];
  Write write = actor().create(kind, any_name(kind));
  google::protobuf::Message& resource = *write.resource;
  if (kind == "Project") {
    Set(resource, "display_name", actor().marker());
  } else if (kind == "Vpc") {
    Set(resource, "display_name", actor().marker());
    if (world().chance(0.5)) Set(resource, "dns_name", actor().any("dns", 2));
  } else if (kind == "Subnet") {
    Set(resource, "ipv4_range", absl::StrCat("10.", 1 + world().below(4), ".0.0/24"));
    const std::string vpc = SplitName(write.name).first;
    if (world().chance(0.7)) Set(resource, "router", absl::StrCat(vpc, "/routers/system"));
  } else if (kind == "FirewallRule") {
    Set(resource, "ports", actor().marker());
    Set(resource, "priority", static_cast<int64_t>(world().below(1000)));
  } else if (kind == "Route") {
    Set(resource, "destination", "0.0.0.0/0");
    const std::string vpc = SplitName(SplitName(write.name).first).first;
    if (world().chance(0.5)) {
      Set(resource, "gateway", absl::StrCat(vpc, "/internetGateways/default"));
    } else {
      Set(resource, "subnet", absl::StrCat(vpc, "/subnets/default"));
    }
  } else if (kind == "Instance") {
    Set(resource, "cpus", 2);
    for (uint64_t i = world().below(3); i > 0; --i) {
      Set(Sub(resource, "interfaces"), "subnet", any_name("Subnet"));
    }
  }
  return write;
}

Task<void> Churn::setup() {
  Write organization = actor().create("Organization", kOrganization);
  co_await actor().must(organization);
}

// Now and then only to see whether it would be done.
Task<void> Churn::send(const Write& write) {
  if (world().chance(0.1)) {
    co_await actor().rehearse(write);
  } else {
    co_await actor().write(write);
  }
}

Task<void> Churn::create() {
  const Write write = any_create();
  co_await send(write);
}

// An update is a create's resource over what is there.
Task<void> Churn::update() {
  Write write = any_create();
  write.verb = schema::Verb::kUpdate;
  Set(*write.resource, "name", write.name);
  if (world().chance(0.4)) {
    const Answer before = co_await actor().get(*write.kind, write.name);
    if (!before.done()) co_return;
    Set(*write.resource, "metadata.etag", FactsOf(*before.message).etag);
  }
  if (world().chance(0.1)) Set(*write.resource, "metadata.lifecycle.block_deletion", 1);
  write.mask = {"*"};
  co_await send(write);
}

Task<void> Churn::erase() {
  const std::string kind = kKinds[world().below(std::size(kKinds))];
  Write write = actor().erase(kind, any_name(kind));
  write.force = world().chance(0.5);
  if (world().chance(0.2)) co_await actor().look(schema::Verb::kExplainDelete, write.name);
  co_await send(write);
}

Task<void> Churn::transact() {
  std::vector<Write> writes;
  for (uint64_t i = 2 + world().below(3); i > 0; --i) writes.push_back(any_create());
  if (world().chance(0.3)) writes.push_back(actor().erase("Subnet", any_name("Subnet")));
  co_await actor().transact(writes);
}

Task<void> Churn::read() {
  const std::string kind = kKinds[world().below(std::size(kKinds))];
  const std::string name = any_name(kind);
  switch (world().below(4)) {
    case 0:
      co_await actor().look(schema::Verb::kListReferrers, name);
      break;
    case 1:
      co_await actor().list(actor().kind(kind), SplitName(name).first, 100);
      break;
    default:
      co_await actor().get(actor().kind(kind), name);
  }
}

Task<void> Churn::step() {
  const uint64_t choice = world().below(100);
  if (choice < 35) {
    co_await create();
  } else if (choice < 50) {
    co_await update();
  } else if (choice < 63) {
    co_await erase();
  } else if (choice < 75) {
    co_await transact();
  } else {
    co_await read();
  }
}

}  // namespace holdfast::sim
