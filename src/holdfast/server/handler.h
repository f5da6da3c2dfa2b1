// What answers the calls of one method. One handler file a group of verbs; dispatcher.cc puts them
// behind names, limits and metrics. Internal to server/.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/server/metrics.h"

namespace holdfast::server {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

// A handler has one of the two. Requests have passed CheckValues.
class Handler {
 public:
  virtual ~Handler() = default;

  virtual Task<absl::StatusOr<Response>> call(CallContext context, MessagePtr request);
  // Returns soon after `context.cancelled` is set.
  virtual Task<absl::Status> stream(CallContext context, MessagePtr request,
                                    ResponseStream& responses);
};

// What a handler works with; outlives it.
struct Host {
  Env& env;
  const Deployment& deployment;
  const DispatcherOptions& options;
  Counter& watch_changes;  // changes sent to watchers

  [[nodiscard]] MessagePtr new_message(const google::protobuf::Descriptor* type) const {
    return deployment.schema->new_message(type);
  }
};

// A method that isn't derived: the same for all services, answered for all deployments together.
struct FixedMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  std::vector<schema::HttpRule> http;
  std::unique_ptr<Handler> handler;
};

// holdfast.mixin.v1.SchemaMixin and holdfast.admin.v1.Admin.
[[nodiscard]] std::vector<FixedMethod> MakeMixinMethods(const std::vector<Host>& hosts);
[[nodiscard]] std::vector<FixedMethod> MakeAdminMethods(const std::vector<Host>& hosts);

// By verb: Get and BatchGet; List; Create, Update and Delete; Transact; ExplainDelete and
// ListReferrers; Watch of one and of a collection.
[[nodiscard]] std::unique_ptr<Handler> MakeGetHandler(Host host, const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeBatchGetHandler(Host host, const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeListHandler(Host host, const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeWriteHandler(Host host, const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeTransactHandler(Host host, const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeExplainDeleteHandler(Host host,
                                                                const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeListReferrersHandler(Host host,
                                                                const schema::Method& method);
[[nodiscard]] std::unique_ptr<Handler> MakeWatchHandler(Host host, const schema::Method& method);

}  // namespace holdfast::server
