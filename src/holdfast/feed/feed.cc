#include "holdfast/feed/feed.h"

#include <utility>

#include "holdfast/feed/core.h"

namespace holdfast::feed {

Subscription::Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

Subscription::~Subscription() { state_->core->leave(state_); }

Task<absl::StatusOr<FeedBatch>> Subscription::next() { return Feed::Core::Next(state_); }

void Subscription::cancel() { state_->core->cancel(*state_); }

Feed::Feed(Env& env, storage::Engine& engine, FeedOptions options)
    : core_(std::make_shared<Core>(env, engine, options)) {}

Feed::~Feed() { core_->stop(); }

void Feed::start() {
  if (core_->mark_started()) Spawn(core_->env(), Core::Tail(core_));
}

void Feed::stop() { core_->stop(); }

Task<void> Feed::stopped() { return Core::Stopped(core_); }

std::unique_ptr<Subscription> Feed::subscribe(storage::Cursor from, Interest interest) {
  auto state = std::make_shared<Subscription::State>();
  state->core = core_;
  core_->join(state, std::move(from), std::move(interest));
  return std::make_unique<Subscription>(std::move(state));
}

FeedStats Feed::stats() const { return core_->stats(); }

}  // namespace holdfast::feed
