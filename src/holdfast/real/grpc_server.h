// The dispatcher's methods over gRPC, with reflection and health.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/env/env.h"
#include "holdfast/real/admission.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

struct GrpcServerOptions {
  std::string address = "127.0.0.1:0";  // port 0: any that is free; "unix:/path" too
  // A Transact of the largest size with large resources; more can't be meant.
  size_t max_request_bytes = 16 << 20;
  AdmissionLimits admission;
  // Calls of one connection at once, so that one client can't take all.
  int max_streams_per_connection = 1024;
};

class GrpcServer {
 public:
  // Listens and serves at once. `env` and `dispatcher` outlive it; so do `pools`, what reflection
  // shows. UNAVAILABLE if the address can't be had.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      Env& env, server::Dispatcher& dispatcher,
      std::vector<const google::protobuf::DescriptorPool*> pools, GrpcServerOptions options);

  // shutdown() with no time to spare.
  virtual ~GrpcServer() = default;

  // "127.0.0.1:41234".
  [[nodiscard]] virtual const std::string& address() const = 0;
  // What health checks are told from now on: not serving. For the beginning of a graceful stop.
  virtual void announce_stop() = 0;
  // Takes no more calls; waits `grace` for those that are under way, then cuts them off. Returns
  // when none is left. Not on a thread of the env.
  virtual void shutdown(Duration grace) = 0;
};

}  // namespace holdfast::real
