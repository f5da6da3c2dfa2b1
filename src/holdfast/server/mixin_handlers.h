// The methods of holdfast.mixin.v1.SchemaMixin. Internal to server/.
#pragma once

#include <memory>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/handler.h"

namespace holdfast::server {

struct MixinMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::vector<schema::HttpRule> http;
  std::unique_ptr<Handler> handler;
};

// For all deployments together: each request names the service it means.
[[nodiscard]] std::vector<MixinMethod> MakeMixinMethods(const std::vector<Host>& hosts);

}  // namespace holdfast::server
