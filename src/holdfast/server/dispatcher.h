// Requests in, responses out, for every derived method of the deployments of one process. Speaks
// messages, not gRPC or HTTP: real/ translates.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"
#include "holdfast/env/event.h"
#include "holdfast/feed/feed.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/metrics.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

// What came with a request beside its message.
struct CallContext {
  std::string peer;
  std::optional<Duration> deadline;  // on Clock::monotonic()
  std::string trace_id;
  // Set when the client has gone: long work stops at the next bounded step. The dispatcher sets it
  // too, when a stream is over.
  OneShot cancelled;
};

// The answer to a unary call: `message`, and merged into it `rest`, more of its fields serialized.
// So a list goes from the database to the wire without being parsed, and is parsed where it must
// be: putting bytes behind each other is how protobuf merges.
struct Response {
  template <class M>
  // NOLINTNEXTLINE(google-explicit-constructor): most answers are just messages
  Response(std::unique_ptr<M> whole) : message(std::move(whole)) {}
  Response(std::unique_ptr<google::protobuf::Message> head, std::string more)
      : message(std::move(head)), rest(std::move(more)) {}

  // As one message. INTERNAL if `rest` is damaged.
  [[nodiscard]] absl::StatusOr<std::unique_ptr<google::protobuf::Message>> merged() &&;

  std::unique_ptr<google::protobuf::Message> message;  // never null
  std::string rest;
};

// Takes a stream's messages. One write at a time.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // Returns when the transport can take the next one; CANCELLED when the client is gone.
  virtual Task<absl::Status> write(const google::protobuf::Message& response) = 0;
};

// One deployment served by this process. All outlive the dispatcher.
struct Deployment {
  const schema::Schema* schema = nullptr;
  const schema::Service* service = nullptr;
  store::Store* store = nullptr;
  storage::Engine* engine = nullptr;  // for its incarnation in tokens only
  feed::Feed* feed = nullptr;
  std::string token_key;  // signs page and resume tokens; from the database, shared by its nodes
  Region region;
};

// How a method is called: where real/ finds request type and streaming.
struct MethodInfo {
  std::string full_name;  // "/acme.network.v1.VpcService/CreateVpc"
  const google::protobuf::Descriptor* request = nullptr;
  const google::protobuf::Descriptor* response = nullptr;
  bool server_streaming = false;
  std::vector<schema::HttpRule> http;
};

// What became of a call, for logs. `method` lives as long as the dispatcher.
struct CallRecord {
  const MethodInfo* method = nullptr;
  std::string peer;
  std::string trace_id;
  absl::Status status;
  Duration took;
};

struct DispatcherOptions {
  // More: OVERLOADED with RetryInfo. Far beyond what a small machine answers within a second, and
  // little memory if each waits with a small request.
  size_t max_requests_in_flight = 4096;
  // Twice the watchers that a node is meant for.
  size_t max_streams = 20000;
  // Most operations in a Transact; the store's own bound should be the same.
  size_t max_batch_ops = 500;
  // Called at the end of each call, on the executor; must not block.
  std::function<void(const CallRecord&)> on_call;
};

// What OVERLOADED tells clients to wait.
inline constexpr Duration kRetryAfterOverload = Seconds(1);

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // nullptr: UNIMPLEMENTED.
  [[nodiscard]] virtual const MethodInfo* find(std::string_view full_name) const = 0;
  [[nodiscard]] virtual const std::vector<const MethodInfo*>& methods() const = 0;
  [[nodiscard]] virtual std::unique_ptr<google::protobuf::Message> new_request(
      const MethodInfo& method) const = 0;

  virtual Task<absl::StatusOr<Response>> call(
      const MethodInfo& method, CallContext context,
      std::unique_ptr<google::protobuf::Message> request) = 0;

  // For server-streaming methods. Returns when the stream is over.
  virtual Task<absl::Status> stream(const MethodInfo& method, CallContext context,
                                    std::unique_ptr<google::protobuf::Message> request,
                                    ResponseStream& responses) = 0;

  // How much is under way, how much was done, by method. Others may add their own.
  [[nodiscard]] virtual Metrics& metrics() = 0;

  // Lets new work be refused (SHUTTING_DOWN) and streams end; returns when nothing is in flight.
  virtual Task<void> drain() = 0;
};

[[nodiscard]] std::unique_ptr<Dispatcher> BuildDispatcher(Env& env,
                                                          std::vector<Deployment> deployments,
                                                          DispatcherOptions options);

}  // namespace holdfast::server
