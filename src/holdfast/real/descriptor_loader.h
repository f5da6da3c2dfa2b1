// Reads all descriptors of a server by gRPC reflection into a pool. Internal to real/: grpc_client.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/base/types.h"

namespace holdfast::real {

struct LoadedDescriptors {
  std::unique_ptr<google::protobuf::DescriptorPool> pool;
  std::vector<const google::protobuf::ServiceDescriptor*> services;  // in order of name
};

// Reflection's and health's own services are left out.
[[nodiscard]] absl::StatusOr<LoadedDescriptors> LoadDescriptors(
    const std::shared_ptr<grpc::Channel>& channel, Duration timeout);

}  // namespace holdfast::real
