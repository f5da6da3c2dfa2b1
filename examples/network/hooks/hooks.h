// What the network service does beside keeping resources: a project is born with a default VPC, a
// VPC with its router, routes, subnet and firewall rules, all in the batch that creates it; a VPC
// gets a virtual network id that no other has; subnets of one VPC don't overlap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "holdfast/store/hooks.h"

namespace holdfast::network {

// Each is compared with all others of its VPC when it is saved.
inline constexpr size_t kMaxSubnets = 250;

struct NetworkOptions {
  // Virtual network ids are chosen from here, both ends included. RFC 7348 has 24 bits; the low
  // ones are left for operators.
  int64_t first_vni = 1024;
  int64_t last_vni = (1 << 24) - 1;
};

void RegisterHooks(store::HookRegistry& registry, NetworkOptions options = {});

}  // namespace holdfast::network
