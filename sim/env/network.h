// The network of a simulated run: messages between machines that take their time, get lost, come
// twice or in another order; connections that break after a request was acted on; machines that
// can't hear each other, in one direction or both.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/env/event.h"
#include "sim/env/world.h"

namespace holdfast::sim {

using Address = std::string;

// Where a stream's messages go. One write at a time.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // Returns when the other side has taken an earlier one; CANCELLED when the connection is gone.
  virtual Task<absl::Status> write(std::string message) = 0;
};

// What answers at an address.
class Host {
 public:
  virtual ~Host() = default;
  virtual Task<absl::StatusOr<std::string>> call(std::string method, std::string request,
                                                 Duration timeout) = 0;
  virtual Task<absl::Status> stream(std::string method, std::string request, OneShot cancelled,
                                    StreamSink& sink) = 0;
};

// May the network deliver the request a second time? What must not be repeated is sent over a
// connection that breaks instead.
enum class Repeatable { kNo, kYes };

struct NetworkFaults {
  Duration least_latency = Milliseconds(0);
  Duration most_latency = Milliseconds(2);
  // Of each message.
  double loss = 0;
  double repetition = 0;
  // Stays behind by up to `most_delay`, so that later ones overtake it.
  double delay = 0;
  Duration most_delay = Seconds(2);
  // Of each call: acted on, and the connection breaks before the answer.
  double reset = 0;
};

// One stream as its reader has it.
class IncomingStream {
 public:
  struct State;
  explicit IncomingStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~IncomingStream();
  IncomingStream(const IncomingStream&) = delete;
  IncomingStream& operator=(const IncomingStream&) = delete;

  // The next message; or how the stream ended: the server's word, or UNAVAILABLE. DEADLINE_EXCEEDED
  // if nothing came for so long; then it may be asked again.
  Task<absl::StatusOr<std::string>> next(NodeEnv& env, Duration at_most);

 private:
  std::shared_ptr<State> state_;  // shared with messages under way, and the server's side
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void set_faults(const NetworkFaults& faults) { faults_ = faults; }
  // Nothing gets from one to the other until heal().
  void cut(const Address& from, const Address& to) { cuts_.emplace(from, to); }
  void heal() { cuts_.clear(); }

  // `host` answers on `env` until remove(). What is under way then is lost or reset.
  void serve(const Address& address, NodeEnv& env, Host& host);
  void remove(const Address& address);

  // UNAVAILABLE and DEADLINE_EXCEEDED say nothing about whether it was acted on.
  Task<absl::StatusOr<std::string>> call(NodeEnv& caller, Address from, Address to,
                                         std::string method, std::string request, Duration timeout,
                                         Repeatable repeatable);
  [[nodiscard]] std::unique_ptr<IncomingStream> open(Address from, Address to, std::string method,
                                                     std::string request);

 private:
  struct Endpoint {
    NodeEnv* env = nullptr;
    Host* host = nullptr;
  };
  struct Call;
  class Sink;

  // The time that a message takes; nullopt: it is lost.
  [[nodiscard]] std::optional<Duration> travel(const Address& from, const Address& to);
  void deliver(std::shared_ptr<Call> call);
  void answer(const std::shared_ptr<Call>& call, absl::StatusOr<std::string> answer);
  Task<void> serve_call(Host& host, std::shared_ptr<Call> call);
  Task<void> serve_stream(Host& host, std::shared_ptr<IncomingStream::State> state,
                          std::string method, std::string request);
  void end(const std::shared_ptr<IncomingStream::State>& state, absl::Status status);

  World& world_;
  NetworkFaults faults_;
  std::set<std::pair<Address, Address>> cuts_;
  std::map<Address, Endpoint> endpoints_;
  // Under way to or at an endpoint.
  std::map<Address, std::vector<std::weak_ptr<Call>>> calls_;
  std::map<Address, std::vector<std::weak_ptr<IncomingStream::State>>> streams_;
};

}  // namespace holdfast::sim
