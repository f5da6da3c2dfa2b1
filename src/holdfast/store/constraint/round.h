// One deletion that takes several batches: its name in rows, and who is at it.
//
// The root is the first row that is closed and the last that is opened again or erased, and it
// alone has kPendingRemove: where it stands decides what becomes of the whole round.
//
//   root ACTIVE -> CLOSING(round) -> DELETING(round) -> gone      decided: no way back
//                        |
//                        +-> CLOSING(round, reopening) -> ACTIVE  given up
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "holdfast/base/mutex.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

[[nodiscard]] std::string NewRound(Env& env, Force force);
[[nodiscard]] Force ForceOf(std::string_view round);
// The round's name in its root once it is given up: nobody can decide it any more.
[[nodiscard]] std::string ReopeningName(std::string_view round);
// The name that the round's other rows have, whichever of both the root has.
[[nodiscard]] std::string MemberName(std::string_view root_round);

[[nodiscard]] constexpr uint32_t StateMask(storage::RowState state) {
  return 1u << static_cast<int>(state);
}

// Rounds that a request of this process is closing right now: only a hint, so that the background
// doesn't reopen them under its hands. Thread-safe.
class LiveRounds {
 private:
  struct State {
    Mutex mutex;
    std::set<std::string> rounds ABSL_GUARDED_BY(mutex);
  };

 public:
  class Guard {
   public:
    Guard(LiveRounds& rounds, std::string round);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    std::shared_ptr<State> state_;  // shared: a dropped request may unwind after its store is gone
    std::string round_;
  };

  [[nodiscard]] bool contains(const std::string& round) const;

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace holdfast::store
