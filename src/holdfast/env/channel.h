// How deployments talk to each other: bytes to a method of another one, bytes back. What is between
// them may lose a request, or its answer after it was acted on; UNAVAILABLE and DEADLINE_EXCEEDED
// say nothing about which. Whoever calls must be able to repeat it.
//
// `env/manual_network.h` is the one for tests. The real one comes with its first user, the protocol
// between deployments.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/env/task.h"

namespace holdfast {

class Channel {
 public:
  virtual ~Channel() = default;
  // `method` is a full name with leading slash. `timeout` counts from now; nullopt: the channel's
  // own.
  virtual Task<absl::StatusOr<std::string>> call(std::string method, std::string request,
                                                 std::optional<Duration> timeout) = 0;
};

// What answers at the other end.
using ChannelHandler =
    std::function<Task<absl::StatusOr<std::string>>(std::string method, std::string request)>;

// Everything that can be reached, by address. Thread-safe.
class Network {
 public:
  virtual ~Network() = default;
  // Never fails: whether anybody is there shows in calls.
  [[nodiscard]] virtual std::unique_ptr<Channel> connect(std::string address) = 0;
  // Answers at `address` until the returned token goes; calls that are under way then are lost.
  [[nodiscard]] virtual std::shared_ptr<void> serve(std::string address,
                                                    ChannelHandler handler) = 0;
};

}  // namespace holdfast
