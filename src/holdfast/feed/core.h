// The inside of a Feed: the tailer, and what subscribers share with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "holdfast/base/mutex.h"
#include "holdfast/env/event.h"
#include "holdfast/feed/audience.h"
#include "holdfast/feed/feed.h"
#include "holdfast/feed/gate.h"
#include "holdfast/feed/ring.h"

namespace holdfast::feed {

// One reader.
struct Subscription::State {
  // The core's mutex, by the name that it has in annotations. Nowhere defined: see Core::owns().
  [[nodiscard]] Mutex& mutex() const;

  std::shared_ptr<Feed::Core> core;  // shared: a subscription may outlive its Feed
  uint64_t id = 0;
  Audience::GroupPtr group;
  Signal signal;

  storage::Cursor cursor ABSL_GUARDED_BY(mutex());
  // Nothing before `cursor` has been left out because it had changed again behind it: the cursor is
  // a whole revision, or from the ring. Otherwise bookmarks of the ring may be too early for it:
  // the page that it ends was of a later state.
  bool exact ABSL_GUARDED_BY(mutex()) = false;
  // In which life of the ring the database has said, or the ring has shown, that `cursor` is a
  // place in this feed; 0: none.
  uint64_t verified_in ABSL_GUARDED_BY(mutex()) = 0;
  // The last batch was no bookmark, or there was none yet: the next bookmark is wanted at once.
  bool bookmark_wanted ABSL_GUARDED_BY(mutex()) = true;
  // Of the last batch that was handed over, and when that was.
  Revision told ABSL_GUARDED_BY(mutex());
  Duration told_at ABSL_GUARDED_BY(mutex());
  // Not OK: the end.
  absl::Status end ABSL_GUARDED_BY(mutex());
};

class Feed::Core {
 public:
  using StatePtr = std::shared_ptr<Subscription::State>;

  Core(Env& env, storage::Engine& engine, FeedOptions options);

  // The coroutines hold the core: what they wait for may outlive the Feed.
  static Task<void> Tail(std::shared_ptr<Core> core);
  static Task<void> Stopped(std::shared_ptr<Core> core);
  static Task<absl::StatusOr<FeedBatch>> Next(StatePtr state);

  [[nodiscard]] Env& env() { return env_; }
  // False if it has been started or stopped before.
  [[nodiscard]] bool mark_started();
  void stop();
  void join(const StatePtr& state, storage::Cursor from, Interest interest);
  void leave(const StatePtr& state);
  void cancel(Subscription::State& state);
  [[nodiscard]] FeedStats stats() const;

 private:
  // While one lives the engine is being used. stopped() waits for all of them.
  class Use {
   public:
    explicit Use(std::shared_ptr<Core> core);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    std::shared_ptr<Core> core_;
  };

  // What a subscriber is to do.
  struct Step {
    enum class What { kGive, kWait, kReadEngine, kEnd } what = What::kWait;
    FeedBatch batch;
    absl::Status end;
  };

  [[nodiscard]] bool stopped() const;
  // Whether nobody has subscribed for a while: then the ring is forgotten.
  [[nodiscard]] bool rest();
  // Reads everything that is new into the ring. Returns whether there was something.
  [[nodiscard]] Task<absl::StatusOr<bool>> pull();
  [[nodiscard]] Task<absl::StatusOr<bool>> pull_pages(storage::Snapshot& snapshot);
  void append(storage::FeedPage page);
  void restart(storage::Cursor complete);
  void wake_due();

  [[nodiscard]] Step look(Subscription::State& state);
  // Says that what guards the state is the mutex of this core.
  void owns(const Subscription::State& state) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_)
      ABSL_ASSERT_EXCLUSIVE_LOCK(state.mutex());
  [[nodiscard]] Step look_locked(Subscription::State& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  [[nodiscard]] bool verified(const Subscription::State& state) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex()) {
    return state.verified_in == life_;
  }
  [[nodiscard]] bool in_ring(const Subscription::State& state) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  [[nodiscard]] bool waits_for_tailer(const Subscription::State& state) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  void skip_uninteresting(Subscription::State& state) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  [[nodiscard]] bool wants_bookmark(const Subscription::State& state, Revision revision) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  // Notes that the batch is handed over, and makes a step of it.
  [[nodiscard]] Step give(Subscription::State& state, FeedBatch batch) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, state.mutex());
  // One page of the engine's feed. nullopt: nothing in it to hand over.
  static Task<absl::StatusOr<std::optional<FeedBatch>>> ReadEngine(StatePtr state);
  [[nodiscard]] absl::StatusOr<std::optional<FeedBatch>> take_page(
      Subscription::State& state, absl::StatusOr<storage::FeedPage> page, uint64_t life);

  Env& env_;
  storage::Engine& engine_;
  const FeedOptions options_;
  const bool others_;                    // write too, and poke nobody here
  Signal poke_;                          // a commit, or stop()
  Signal arrival_;                       // of a subscriber, or stop()
  Gate catch_up_gate_;                   // ReadEngine
  OneShot unused_;                       // stopped, and nobody uses the engine
  std::optional<storage::Cursor> tail_;  // only the tailer's; nullopt: not begun

  mutable Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  size_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  Ring ring_ ABSL_GUARDED_BY(mutex_);
  // Of the ring: one more each time that the tailer began anew, perhaps in another life of the
  // database.
  uint64_t life_ ABSL_GUARDED_BY(mutex_) = 1;
  Audience audience_ ABSL_GUARDED_BY(mutex_);
  Duration alone_since_ ABSL_GUARDED_BY(mutex_);  // the last subscriber left
  int64_t catch_up_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t tail_reads_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace holdfast::feed
