#include "sim/workloads/large_deletion.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"

namespace holdfast::sim {
namespace {

constexpr const char* kProject = "organizations/large/projects/p";
// Has instances in the subnets of the other one, and is deleted now and then, too.
constexpr const char* kTenant = "organizations/large/projects/tenant";
constexpr uint64_t kVpcs = 3;
constexpr int kRules = 24;
constexpr int kRulesAtOnce = 12;
constexpr uint64_t kSubnets = 6;
constexpr int kRoutes = 4;  // to the first subnet, with which they go

std::string Subnet(const std::string& vpc, uint64_t i) {
  return absl::StrCat(vpc, "/subnets/s", i);
}

}  // namespace

Task<void> LargeDeletion::setup() {
  const Write organization = actor().create("Organization", "organizations/large");
  co_await actor().must(organization);
  const Write project = actor().create("Project", kProject);
  co_await actor().must(project);
}

// In several transactions, each of which a batch has room for.
Task<void> LargeDeletion::build(std::string vpc) {
  std::vector<Write> first;
  first.push_back(actor().create("Vpc", vpc));
  Set(*first.back().resource, "display_name", actor().marker());
  co_await actor().transact(first);
  for (int from = 1; from <= kRules; from += kRulesAtOnce) {
    std::vector<Write> rules;
    for (int i = from; i < from + kRulesAtOnce; ++i) {
      rules.push_back(actor().create("FirewallRule", absl::StrCat(vpc, "/firewallRules/f", i)));
      Set(*rules.back().resource, "ports", actor().marker());
    }
    co_await actor().transact(rules);
  }
  std::vector<Write> subnets;
  for (uint64_t i = 1; i <= kSubnets; ++i) {
    subnets.push_back(actor().create("Subnet", Subnet(vpc, i)));
    Set(*subnets.back().resource, "ipv4_range", absl::StrCat("10.", i, ".0.0/24"));
    Set(*subnets.back().resource, "router", absl::StrCat(vpc, "/routers/system"));
  }
  for (int i = 1; i <= kRoutes; ++i) {
    const std::string name = absl::StrCat(vpc, "/routers/system/routes/r", i);
    subnets.push_back(actor().create("Route", name));
    Set(*subnets.back().resource, "destination", absl::StrCat("10.100.", i, ".0/24"));
    Set(*subnets.back().resource, "subnet", Subnet(vpc, 1));
  }
  co_await actor().transact(subnets);
}

// What stands against the deletion, or hangs below it.
Task<void> LargeDeletion::disturb(std::string vpc) {
  const char* project = world().chance(0.5) ? kProject : kTenant;
  const std::string instance = absl::StrCat(project, "/instances/", actor().any("i", 3));
  switch (world().below(4)) {
    case 0: {
      Write write = actor().create("Instance", instance);
      Set(Sub(*write.resource, "interfaces"), "subnet", Subnet(vpc, 1 + world().below(kSubnets)));
      co_await actor().write(write);
      break;
    }
    case 1: {
      const Write write = actor().erase("Instance", instance);
      co_await actor().write(write);
      break;
    }
    case 2: {
      const std::string id = absl::StrCat("late", world().below(3));
      Write write = actor().create("FirewallRule", absl::StrCat(vpc, "/firewallRules/", id));
      Set(*write.resource, "ports", actor().marker());
      co_await actor().write(write);
      break;
    }
    default: {
      Write write = actor().update("FirewallRule",
                                   absl::StrCat(vpc, "/firewallRules/", actor().any("f", kRules)));
      Set(*write.resource, "ports", actor().marker());
      // A single one of all rules stands against the deletion, until the next update of it.
      if (world().chance(0.02)) Set(*write.resource, "metadata.lifecycle.block_deletion", 1);
      write.mask = {"ports", "metadata.lifecycle.block_deletion"};
      co_await actor().write(write);
    }
  }
}

Task<void> LargeDeletion::erase(std::string vpc) {
  Write write = actor().erase("Vpc", vpc);
  if (world().chance(0.3)) write = actor().erase("Subnet", Subnet(vpc, 1));
  if (world().chance(0.3)) {
    const Answer plan = co_await actor().look(schema::Verb::kExplainDelete, write.name);
    if (plan.done()) write.plan_digest = Get(*plan.message, "plan_digest");
  }
  const Answer answer = co_await actor().write(write);
  if (answer.done()) world().hit("deletion: done");
  if (ReasonOf(answer.status) == Reason::kDeleteBlocked) world().hit("deletion: refused");
  if (ReasonOf(answer.status) == Reason::kDeletionProtected) world().hit("deletion: protected");
}

// By a plan: all of it is closed, the instances too, which may stand against another deletion.
Task<void> LargeDeletion::replace_tenant() {
  Write write = actor().erase("Project", kTenant);
  write.force = true;
  const Answer plan = co_await actor().look(schema::Verb::kExplainDelete, kTenant);
  if (plan.done()) write.plan_digest = Get(*plan.message, "plan_digest");
  co_await actor().write(write);
  const Write again = actor().create("Project", kTenant);
  co_await actor().write(again);
}

Task<void> LargeDeletion::step() {
  const std::string vpc = absl::StrCat(kProject, "/vpcs/", actor().any("v", kVpcs));
  const uint64_t choice = world().below(100);
  if (choice < 15) {
    co_await build(vpc);
  } else if (choice < 70) {
    co_await disturb(vpc);
  } else if (choice < 83) {
    co_await erase(vpc);
  } else if (choice < 88) {
    co_await replace_tenant();
  } else {
    co_await actor().list(actor().kind("FirewallRule"), vpc, 100);
  }
}

}  // namespace holdfast::sim
