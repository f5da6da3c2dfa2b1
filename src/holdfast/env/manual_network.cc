#include "holdfast/env/manual_network.h"

#include <utility>

#include "holdfast/base/reason.h"

namespace holdfast {

struct ManualNetwork::State {
  explicit State(ManualEnv& e) : env(e) {}

  // A message's way in one direction.
  Task<void> travel() {
    const uint64_t draw = env.random().next();
    const auto most = static_cast<uint64_t>(kMaxLatency.value());
    co_await env.sleep(Duration(static_cast<int64_t>(draw % most)));
  }

  [[nodiscard]] Link link_to(const std::string& address) const {
    const auto found = links.find(address);
    return found == links.end() ? Link::kUp : found->second;
  }

  ManualEnv& env;
  std::map<std::string, std::shared_ptr<ChannelHandler>> handlers;
  std::map<std::string, Link> links;
};

class ManualNetwork::ManualChannel final : public Channel {
 public:
  ManualChannel(std::shared_ptr<State> state, std::string address)
      : state_(std::move(state)), address_(std::move(address)) {}

  Task<absl::StatusOr<std::string>> call(std::string method, std::string request,
                                         std::optional<Duration> timeout) override {
    const Duration start = state_->env.clock().monotonic();
    const Duration patience = timeout.value_or(kDefaultTimeout);
    co_await state_->travel();
    if (state_->link_to(address_) == Link::kLosesRequests) co_return co_await lost(start, patience);
    const auto found = state_->handlers.find(address_);
    if (found == state_->handlers.end()) {
      co_return MakeError(Reason::kDatabaseUnavailable, "nobody answers at " + address_);
    }
    const std::shared_ptr<ChannelHandler> handler = found->second;
    absl::StatusOr<std::string> answer = co_await (*handler)(std::move(method), std::move(request));
    co_await state_->travel();
    if (state_->link_to(address_) != Link::kUp) co_return co_await lost(start, patience);
    if (state_->env.clock().monotonic().value() - start.value() > patience.value()) {
      co_return MakeError(Reason::kDeadlineExceeded, address_ + " answered too late");
    }
    co_return answer;
  }

 private:
  Task<absl::StatusOr<std::string>> lost(Duration start, Duration patience) {
    const int64_t waited = state_->env.clock().monotonic().value() - start.value();
    if (waited < patience.value()) {
      co_await state_->env.sleep(Duration(patience.value() - waited));
    }
    co_return MakeError(Reason::kDeadlineExceeded, "no answer from " + address_);
  }

  std::shared_ptr<State> state_;
  const std::string address_;
};

ManualNetwork::ManualNetwork(ManualEnv& env) : state_(std::make_shared<State>(env)) {}

std::unique_ptr<Channel> ManualNetwork::connect(std::string address) {
  return std::make_unique<ManualChannel>(state_, std::move(address));
}

std::shared_ptr<void> ManualNetwork::serve(std::string address, ChannelHandler handler) {
  auto shared = std::make_shared<ChannelHandler>(std::move(handler));
  state_->handlers[address] = shared;
  return std::shared_ptr<void>(shared.get(), [state = state_, address, shared](void*) {
    const auto found = state->handlers.find(address);
    if (found != state->handlers.end() && found->second == shared) state->handlers.erase(found);
  });
}

void ManualNetwork::set_link(const std::string& address, Link link) {
  state_->links[address] = link;
}

}  // namespace holdfast
