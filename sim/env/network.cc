#include "sim/env/network.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

// Messages that a stream's writer may be ahead of its reader.
constexpr size_t kWindow = 4;
// How long a connection to a machine that isn't there takes to fail.
constexpr Duration kLeastRefusal = Milliseconds(1);
constexpr Duration kMostRefusal = Milliseconds(50);

absl::Status Reset() { return absl::UnavailableError("connection reset"); }

template <class T>
void Forget(std::vector<std::weak_ptr<T>>& list) {
  list.erase(
      std::remove_if(list.begin(), list.end(), [](const auto& one) { return one.expired(); }),
      list.end());
}

}  // namespace

struct Network::Call {
  Address from;
  Address to;
  std::string method;
  std::string request;
  Duration timeout;
  std::optional<absl::StatusOr<std::string>> answer;  // the first that arrives
  Signal answered;
};

struct IncomingStream::State {
  Address from;
  Address to;
  std::deque<std::string> messages;
  std::optional<absl::Status> ended;
  Duration last_arrival;
  size_t under_way = 0;  // sent, and not yet taken
  bool closed = false;   // by the reader
  bool ending = false;   // `ended` is under way: nothing else comes any more
  Signal changed;        // for both sides
  OneShot cancelled;     // the server's side is to end
};

// --- streams, the reader's side ------------------------------------------------------------------

IncomingStream::~IncomingStream() {
  state_->closed = true;
  state_->cancelled.set();
  state_->changed.notify();
}

Task<absl::StatusOr<std::string>> IncomingStream::next(NodeEnv& env, Duration at_most) {
  const std::shared_ptr<State> state = state_;
  for (;;) {
    const uint64_t seen = state->changed.generation();
    if (!state->messages.empty()) {
      std::string message = std::move(state->messages.front());
      state->messages.pop_front();
      --state->under_way;
      state->changed.notify();
      co_return message;
    }
    if (state->ended.has_value()) {
      co_return state->ended->ok() ? absl::OutOfRangeError("the stream has ended") : *state->ended;
    }
    const bool moved = co_await state->changed.wait_for(env, seen, at_most);
    if (!moved) co_return absl::DeadlineExceededError("nothing came");
  }
}

// --- streams, the writer's side ------------------------------------------------------------------

class Network::Sink final : public StreamSink {
 public:
  Sink(Network& network, std::shared_ptr<IncomingStream::State> state)
      : network_(network), state_(std::move(state)) {}

  Task<absl::Status> write(std::string message) override {
    const std::shared_ptr<IncomingStream::State> state = state_;
    for (;;) {
      const uint64_t seen = state->changed.generation();
      if (state->closed || state->ending) {
        co_return absl::CancelledError("the client is gone");
      }
      if (state->under_way < kWindow) break;
      co_await state->changed.wait(seen);
    }
    send(state, std::move(message));
    co_return absl::OkStatus();
  }

 private:
  // In order, as TCP has it: a lost message is a broken connection.
  void send(const std::shared_ptr<IncomingStream::State>& state, std::string message) {
    World& world = network_.world_;
    const std::optional<Duration> travel = network_.travel(state->to, state->from);
    if (!travel.has_value()) {
      network_.end(state, Reset());
      return;
    }
    ++state->under_way;
    const Duration arrival(
        std::max(world.now().value() + travel->value(), state->last_arrival.value() + 1));
    state->last_arrival = arrival;
    world.env().post_after(Duration(arrival.value() - world.now().value()),
                           [state, message = std::move(message)] {
                             if (state->ended.has_value()) return;
                             state->messages.push_back(message);
                             state->changed.notify();
                           });
  }

  Network& network_;
  std::shared_ptr<IncomingStream::State> state_;
};

void Network::end(const std::shared_ptr<IncomingStream::State>& state, absl::Status status) {
  state->cancelled.set();
  if (state->ending) return;
  state->ending = true;
  // Behind what has been sent.
  const int64_t due = std::max(world_.now().value(), state->last_arrival.value()) + 1;
  world_.env().post_after(Duration(due - world_.now().value()), [state, status] {
    state->ended = status;
    state->changed.notify();
  });
}

Task<void> Network::serve_stream(Host& host, std::shared_ptr<IncomingStream::State> state,
                                 std::string method, std::string request) {
  Sink sink(*this, state);
  const absl::Status status =
      co_await host.stream(std::move(method), std::move(request), state->cancelled, sink);
  end(state, status);
}

std::unique_ptr<IncomingStream> Network::open(Address from, Address to, std::string method,
                                              std::string request) {
  auto state = std::make_shared<IncomingStream::State>();
  state->from = std::move(from);
  state->to = std::move(to);
  const std::optional<Duration> travel = this->travel(state->from, state->to);
  if (!travel.has_value()) {
    end(state, Reset());
    return std::make_unique<IncomingStream>(state);
  }
  world_.env().post_after(
      *travel, [this, state, method = std::move(method), request = std::move(request)] {
        const auto found = endpoints_.find(state->to);
        if (found == endpoints_.end()) {
          end(state, Reset());
          return;
        }
        Forget(streams_[state->to]);
        streams_[state->to].push_back(state);
        Spawn(*found->second.env, serve_stream(*found->second.host, state, method, request));
      });
  return std::make_unique<IncomingStream>(state);
}

// --- calls ---------------------------------------------------------------------------------------

std::optional<Duration> Network::travel(const Address& from, const Address& to) {
  if (cuts_.count({from, to}) > 0) {
    world_.hit("network: cut off");
    return std::nullopt;
  }
  if (world_.chance(faults_.loss)) {
    world_.hit("network: message lost");
    return std::nullopt;
  }
  Duration time = world_.between(faults_.least_latency, faults_.most_latency);
  if (world_.chance(faults_.delay)) {
    world_.hit("network: message overtaken");
    time = Duration(time.value() + world_.between(Duration(0), faults_.most_delay).value());
  }
  return time;
}

void Network::answer(const std::shared_ptr<Call>& call, absl::StatusOr<std::string> answer) {
  const std::optional<Duration> travel = this->travel(call->to, call->from);
  if (!travel.has_value()) return;
  world_.env().post_after(*travel, [call, answer = std::move(answer)] {
    if (!call->answer.has_value()) call->answer = answer;
    call->answered.notify();
  });
}

Task<void> Network::serve_call(Host& host, std::shared_ptr<Call> call) {
  absl::StatusOr<std::string> result =
      co_await host.call(call->method, call->request, call->timeout);
  if (world_.chance(faults_.reset)) {
    world_.hit("network: reset after the request was acted on");
    result = Reset();
  }
  answer(call, std::move(result));
}

void Network::deliver(std::shared_ptr<Call> call) {
  const auto found = endpoints_.find(call->to);
  if (found == endpoints_.end()) {
    // Half of the time nobody says so.
    if (world_.chance(0.5)) return;
    const Duration refusal = world_.between(kLeastRefusal, kMostRefusal);
    world_.env().post_after(
        refusal, [this, call] { answer(call, absl::UnavailableError("connection refused")); });
    return;
  }
  std::vector<std::weak_ptr<Call>>& under_way = calls_[call->to];
  Forget(under_way);
  under_way.push_back(call);
  Host& host = *found->second.host;
  Spawn(*found->second.env, serve_call(host, std::move(call)));
}

Task<absl::StatusOr<std::string>> Network::call(NodeEnv& caller, Address from, Address to,
                                                std::string method, std::string request,
                                                Duration timeout, Repeatable repeatable) {
  auto call = std::make_shared<Call>();
  call->from = std::move(from);
  call->to = std::move(to);
  call->method = std::move(method);
  call->request = std::move(request);
  call->timeout = timeout;
  const uint64_t seen = call->answered.generation();
  const bool twice = repeatable == Repeatable::kYes && world_.chance(faults_.repetition);
  if (twice) world_.hit("network: request repeated");
  for (int i = 0; i < (twice ? 2 : 1); ++i) {
    const std::optional<Duration> travel = this->travel(call->from, call->to);
    if (travel.has_value()) world_.env().post_after(*travel, [this, call] { deliver(call); });
  }
  const bool answered = co_await call->answered.wait_for(caller, seen, timeout);
  if (!answered || !call->answer.has_value()) {
    co_return absl::DeadlineExceededError(absl::StrCat("no answer from ", call->to));
  }
  co_return *std::move(call->answer);
}

void Network::serve(const Address& address, NodeEnv& env, Host& host) {
  endpoints_[address] = Endpoint{&env, &host};
}

void Network::remove(const Address& address) {
  endpoints_.erase(address);
  for (const std::weak_ptr<Call>& weak : calls_[address]) {
    const std::shared_ptr<Call> call = weak.lock();
    if (call != nullptr && world_.chance(0.5)) answer(call, Reset());
  }
  calls_.erase(address);
  for (const auto& weak : streams_[address]) {
    if (const std::shared_ptr<IncomingStream::State> state = weak.lock()) end(state, Reset());
  }
  streams_.erase(address);
}

}  // namespace holdfast::sim
