// The constraint controller of one deployment: does in the background what rows wait for. Goes on
// with deletions that are decided, clears and follows references that are to be handled later,
// gives up what a crash left half closed.
//
// Level-triggered: it holds no list of duties, it asks the store for them. Any number of nodes may
// run one; guards decide.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "holdfast/env/env.h"
#include "holdfast/store/store.h"

namespace holdfast::control {

struct DutyControllerOptions {
  // How soon duties are looked for that nobody told of (nudge): other nodes make them too. One
  // look at an index that is nearly always empty.
  Duration idle = Seconds(1);
  // After an error: the database is down, and everybody else asks it too.
  Duration after_error = Seconds(5);
};

struct DutyStats {
  int64_t rows = 0;    // changed by duties
  int64_t rounds = 0;  // calls of run_duties
  int64_t errors = 0;
  absl::Status last_error;
};

class DutyController {
 public:
  // `env` and `store` live until stopped() has returned.
  DutyController(Env& env, store::Store& store, DutyControllerOptions options = {});
  ~DutyController();
  DutyController(const DutyController&) = delete;
  DutyController& operator=(const DutyController&) = delete;

  // Once.
  void start();
  // There may be something to do now. Thread-safe.
  void nudge();
  // Ends after the batch at hand. Returns at once; may come twice. Thread-safe.
  void stop();
  // Returns when, after stop(), nothing uses the store any more.
  [[nodiscard]] Task<void> stopped();

  [[nodiscard]] DutyStats stats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the loop, which may end later
};

}  // namespace holdfast::control
