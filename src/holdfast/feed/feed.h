// The committed changes of one deployment, in commit order, to many readers.
//
// One tailer a node reads the engine's feed; the rows it reads are shared by all subscribers
// through a bounded ring. A subscriber that falls out of the ring reads the engine itself until it
// has caught up. Nothing here grows with the distance of a slow reader: it holds a cursor.
//
// The usual reader:
//   snapshot = engine.snapshot(); ... scan it, hand it over ...; snapshot's revision is `r`
//   subscription = feed.subscribe(Cursor{engine.incarnation(), r, nullopt}, interest);
//   for (;;) { batch = co_await subscription->next(); apply its rows; remember its cursor; }
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"

namespace holdfast::feed {

struct FeedOptions {
  // The ring forgets its oldest rows beyond either: enough for a reader that sleeps for seconds
  // under full write load, and little enough for a small machine.
  size_t ring_rows = 16 * 1024;
  size_t ring_bytes = 32 << 20;
  // Most rows in one read of the engine, and in one FeedBatch.
  size_t page = 500;
  // Most bytes of bodies in one FeedBatch (at least one row).
  size_t batch_bytes = 4 << 20;
  // How often to look for commits of other nodes: idle_poll, and from busy_poll on while there
  // are some. Commits of this node need no poll.
  Duration idle_poll = Milliseconds(250);
  Duration busy_poll = Milliseconds(5);
  // How often a subscriber to whom nothing interesting happens gets an empty bookmark, so that its
  // resume token stays young.
  Duration bookmark_interval = Seconds(5);
  // The tailer rests, and the ring is forgotten, when nobody has subscribed for so long: longer
  // than a reader takes to reconnect.
  Duration rest_after = Seconds(10);
  // How many subscribers may read the engine at once: ten thousand that reconnect together queue.
  size_t catch_up_reads = 4;
};

// Which rows a subscriber wants.
struct Interest {
  std::vector<KindName> kinds;  // empty: all
  std::string name_prefix;      // empty: all

  [[nodiscard]] bool matches(const ResourceKey& key) const;
};

struct FeedBatch {
  // The latest state of each changed row, in order of (revision, key); tombstones included, and
  // rows of every state. A row replaces what the reader has under its key.
  // shared_ptr: the ring and all subscribers hold the same rows.
  std::vector<std::shared_ptr<const storage::Row>> rows;
  // Where to go on: what subscribe() takes after a restart, on any node.
  storage::Cursor cursor;
  // True: with these rows the reader's view is exactly the state at cursor.revision, every batch
  // there whole or not at all. Between bookmarks it may hold half of a batch.
  bool bookmark = false;
};

// One reader's place. next() by one coroutine at a time; cancel() from any thread. May be destroyed
// while a next() waits: that is a cancel().
class Subscription {
 public:
  struct State;

  explicit Subscription(std::shared_ptr<State> state);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Waits for changes that are interesting. The first batch that is a bookmark comes as soon as
  // the reader is current, even with no rows; afterwards an empty one only each bookmark_interval
  // (and only if the revision has moved).
  // Errors: RESUME_TOO_OLD (take a new snapshot and a new subscription), CANCELLED, SHUTTING_DOWN:
  // final, repeated by every further call. Those of the database: call again to retry.
  [[nodiscard]] Task<absl::StatusOr<FeedBatch>> next();

  // Ends a waiting next() and all further ones with CANCELLED.
  void cancel();

 private:
  std::shared_ptr<State> state_;  // shared with a next() that runs
};

// For metrics.
struct FeedStats {
  size_t subscriptions = 0;
  size_t ring_rows = 0;
  size_t ring_bytes = 0;
  // The last complete state that the tailer has read.
  Revision revision;
  // Reads of the engine by subscribers behind the ring, and by the tailer.
  int64_t catch_up_reads = 0;
  int64_t tail_reads = 0;
};

class Feed {
 public:
  // Becomes the engine's on_commit listener: make it before the first commit. The engine and env
  // must live until stopped() has returned.
  Feed(Env& env, storage::Engine& engine, FeedOptions options = {});
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Starts the tailer, which rests while nobody subscribes. Subscribers that come before read the
  // engine, then wait for it.
  void start();
  // Ends the tailer and every subscription (SHUTTING_DOWN). Returns at once.
  void stop();
  // Returns when, after stop(), nothing of the feed uses the engine any more.
  [[nodiscard]] Task<void> stopped();

  // Changes behind `from`. Whether `from` is still served is told by the first next().
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(storage::Cursor from, Interest interest);

  [[nodiscard]] FeedStats stats() const;

  class Core;

 private:
  std::shared_ptr<Core> core_;  // shared with the tailer and with subscriptions
};

}  // namespace holdfast::feed
