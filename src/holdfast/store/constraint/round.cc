#include "holdfast/store/constraint/round.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::store {
namespace {

constexpr char kForced = '!';
constexpr char kReopening = '~';

}  // namespace

std::string NewRound(Env& env, Force force) {
  std::string round = NewUid(env).str();
  if (force == Force::kYes) round.push_back(kForced);
  return round;
}

Force ForceOf(std::string_view round) {
  return round.find(kForced) == std::string_view::npos ? Force::kNo : Force::kYes;
}

std::string ReopeningName(std::string_view round) {
  return absl::StrCat(MemberName(round), std::string(1, kReopening));
}

std::string MemberName(std::string_view root_round) {
  if (root_round.ends_with(kReopening)) root_round.remove_suffix(1);
  return std::string(root_round);
}

LiveRounds::Guard::Guard(LiveRounds& rounds, std::string round)
    : state_(rounds.state_), round_(std::move(round)) {
  const MutexLock lock(state_->mutex);
  state_->rounds.insert(round_);
}

LiveRounds::Guard::~Guard() {
  const MutexLock lock(state_->mutex);
  state_->rounds.erase(round_);
}

bool LiveRounds::contains(const std::string& round) const {
  const MutexLock lock(state_->mutex);
  return state_->rounds.contains(round);
}

}  // namespace holdfast::store
