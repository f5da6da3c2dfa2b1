// A client of any Holdfast server that knows no schema beforehand: it asks the server by gRPC
// reflection. For the CLI, importers and tests. No gRPC types in here.
//
// Errors are those that the server sent, with their google.rpc details (base/error.h reads them):
// ReasonOf() works on them. What gRPC says by itself (nobody listens, deadline) has the code that
// gRPC gave and the reason that fits it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"

namespace holdfast::real {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

struct ConnectOptions {
  // How long Connect waits for a server that isn't there yet, and for its descriptors.
  Duration timeout = Seconds(10);
  // Larger responses are refused by the client.
  size_t max_message_bytes = 64 << 20;
  // call_async() waits while so many calls are under way.
  size_t max_in_flight = 64;
};

struct CallOptions {
  // From the start of the call; nullopt: as long as it takes.
  std::optional<Duration> timeout = Seconds(60);
};

// Thread-safe. All descriptors and messages that it hands out live as long as the client.
class Client {
 public:
  enum class Next { kGoOn, kStop };
  using OnResponse = std::function<void(absl::StatusOr<MessagePtr>)>;
  using OnBytes = std::function<void(absl::StatusOr<std::string>)>;
  using OnMessage = std::function<Next(const google::protobuf::Message&)>;

  // `address`: "localhost:7411", "unix:/run/holdfast.sock". UNAVAILABLE if nobody answers in time.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& address,
                                                                       ConnectOptions options = {});

  virtual ~Client() = default;

  // What the server serves, without reflection and health; in order of full name.
  [[nodiscard]] virtual const std::vector<const google::protobuf::ServiceDescriptor*>& services()
      const = 0;
  // "acme.network.v1.VpcService.GetVpc" or "/acme.network.v1.VpcService/GetVpc"; nullptr if there
  // is none.
  [[nodiscard]] virtual const google::protobuf::MethodDescriptor* find_method(
      std::string_view name) const = 0;
  // By full name, among all that the services' files and their imports define; nullptr if none.
  [[nodiscard]] virtual const google::protobuf::Descriptor* find_message(
      std::string_view full_name) const = 0;
  [[nodiscard]] virtual const google::protobuf::DescriptorPool& pool() const = 0;

  // A new empty message of one of this client's types.
  [[nodiscard]] virtual MessagePtr new_message(const google::protobuf::Descriptor* type) const = 0;
  // The same for the request of a method.
  [[nodiscard]] MessagePtr new_request(const google::protobuf::MethodDescriptor* method) const {
    return new_message(method->input_type());
  }

  // One unary call; waits for the response.
  [[nodiscard]] virtual absl::StatusOr<MessagePtr> call(
      const google::protobuf::MethodDescriptor* method, const google::protobuf::Message& request,
      CallOptions options = {}) = 0;

  // The same without waiting for the response: `done` is called once, on a thread of gRPC's, and
  // must not block. Waits while max_in_flight calls are under way, so that a fast producer is
  // slowed down to what the server takes. The request may go when this returns.
  virtual void call_async(const google::protobuf::MethodDescriptor* method,
                          const google::protobuf::Message& request, CallOptions options,
                          OnResponse done) = 0;
  // The same with the response as it came, serialized: for callers that don't need it as a message.
  virtual void call_serialized(const google::protobuf::MethodDescriptor* method,
                               const google::protobuf::Message& request, CallOptions options,
                               OnBytes done) = 0;
  // Returns when no call_async or call_serialized is under way any more.
  virtual void wait_idle() = 0;

  // One server-streaming call. `on_message` is called for each message, on the calling thread;
  // kStop cancels the call, which then is OK. OK also when the server ended it by itself.
  [[nodiscard]] virtual absl::Status stream(const google::protobuf::MethodDescriptor* method,
                                            const google::protobuf::Message& request,
                                            CallOptions options, OnMessage on_message) = 0;

  // Ends every stream() that runs with CANCELLED; for signal handling threads and tests.
  virtual void cancel_streams() = 0;
};

}  // namespace holdfast::real
