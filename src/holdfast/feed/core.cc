#include "holdfast/feed/core.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"

namespace holdfast::feed {
namespace {

using storage::Cursor;
using storage::FeedPage;
using storage::Row;
using storage::Snapshot;

// How many rows a subscriber looks at in the ring before it lets others have the lock.
constexpr size_t kMaxExamined = 4096;

void NotifyAll(std::vector<Signal> signals) {
  for (Signal& signal : signals) signal.notify();
}

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown, "the server is shutting down; watch again");
}

bool SamePlace(const Cursor& a, const Cursor& b) {
  return a.revision == b.revision && a.key == b.key;
}

bool IsTooOld(const absl::Status& status) { return ReasonOf(status) == Reason::kResumeTooOld; }

// How long to wait for a poke: other processes' commits poke nobody here.
class Pace {
 public:
  explicit Pace(const FeedOptions& options)
      : busy_(options.busy_poll), idle_(options.idle_poll), delay_(options.idle_poll) {}

  [[nodiscard]] Duration delay() const { return delay_; }

  void polled(bool found_something) {
    delay_ = found_something ? busy_ : std::min(idle_, Duration(delay_.value() * 2));
  }

 private:
  Duration busy_;
  Duration idle_;
  Duration delay_;
};

}  // namespace

Feed::Core::Core(Env& env, storage::Engine& engine, FeedOptions options)
    : env_(env),
      engine_(engine),
      options_(options),
      others_(engine.writers() == storage::Engine::Writers::kOthersToo),
      catch_up_gate_(options.catch_up_reads),
      ring_({.rows = options.ring_rows, .bytes = options.ring_bytes}) {
  engine_.on_commit([poke = poke_](Revision) mutable { poke.notify(); });
}

Feed::Core::Use::Use(std::shared_ptr<Core> core) : core_(std::move(core)) {
  const MutexLock lock(core_->mutex_);
  ++core_->uses_;
}

Feed::Core::Use::~Use() {
  const MutexLock lock(core_->mutex_);
  if (--core_->uses_ == 0 && core_->stopped_) core_->unused_.set();
}

bool Feed::Core::mark_started() {
  const MutexLock lock(mutex_);
  return !stopped_ && !std::exchange(started_, true);
}

bool Feed::Core::stopped() const {
  const MutexLock lock(mutex_);
  return stopped_;
}

void Feed::Core::stop() {
  std::vector<Signal> waiting;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    waiting = audience_.take_all();
    if (uses_ == 0) unused_.set();
  }
  poke_.notify();
  arrival_.notify();
  NotifyAll(std::move(waiting));
}

Task<void> Feed::Core::Stopped(std::shared_ptr<Core> core) { co_await core->unused_.wait(); }

// --- the tailer
// -----------------------------------------------------------------------------------

Task<void> Feed::Core::Tail(std::shared_ptr<Core> core) {
  const Use use(core);
  Pace pace(core->options_);
  bool poked = true;
  bool failed = false;
  while (!core->stopped()) {
    const uint64_t arrivals = core->arrival_.generation();
    if (core->rest()) {
      co_await core->arrival_.wait(arrivals);
      continue;
    }
    const uint64_t seen = core->poke_.generation();
    if (poked || failed || core->others_) {
      // What can't be read now is read at the next poll: a database that is away isn't news here.
      const absl::StatusOr<bool> found = co_await core->pull();
      failed = !found.ok();
      if (!poked) pace.polled(found.ok() && *found);
    }
    core->wake_due();
    poked = co_await core->poke_.wait_for(core->env_, seen, pace.delay());
  }
}

// Reading for nobody costs the database a snapshot for each commit. The first who comes begins the
// ring anew, and reads what it hasn't seen from the engine.
bool Feed::Core::rest() {
  {
    const MutexLock lock(mutex_);
    if (stopped_ || audience_.members() > 0) return false;
    const int64_t alone = env_.clock().monotonic().value() - alone_since_.value();
    if (ring_.ready() && alone < options_.rest_after.value()) return false;
    if (ring_.ready()) ++life_;
    ring_.forget();
  }
  tail_.reset();
  return true;
}

Task<absl::StatusOr<bool>> Feed::Core::pull() {
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = co_await engine_.snapshot();
  if (!snapshot.ok()) co_return snapshot.status();
  if (!tail_.has_value()) {
    restart((*snapshot)->place());
    co_return true;
  }
  const absl::StatusOr<bool> read = co_await pull_pages(**snapshot);
  // It slept longer than tombstones are kept, or the database has failed over. Subscribers find out
  // for themselves.
  if (IsTooOld(read.status())) restart((*snapshot)->place());
  co_return read;
}

Task<absl::StatusOr<bool>> Feed::Core::pull_pages(Snapshot& snapshot) {
  bool found = false;
  for (bool complete = false; !complete && !stopped();) {
    absl::StatusOr<FeedPage> page = co_await snapshot.feed(*tail_, options_.page);
    if (!page.ok()) co_return page.status();
    complete = page->complete;
    found = found || !page->rows.empty();
    append(*std::move(page));
  }
  co_return found;
}

void Feed::Core::append(FeedPage page) {
  tail_ = page.next;
  std::vector<SharedRow> rows;
  rows.reserve(page.rows.size());
  for (Row& row : page.rows) rows.push_back(std::make_shared<const Row>(std::move(row)));
  std::vector<Signal> noted;
  {
    const MutexLock lock(mutex_);
    ++tail_reads_;
    for (const SharedRow& row : rows) audience_.note(*row);
    ring_.append(std::move(rows));
    if (page.complete) ring_.complete(page.next);
    noted = audience_.take_noted();
  }
  NotifyAll(std::move(noted));
}

void Feed::Core::restart(Cursor complete) {
  const Revision revision = complete.revision;
  tail_ = complete;
  std::vector<Signal> waiting;
  {
    const MutexLock lock(mutex_);
    if (ring_.ready()) ++life_;
    ring_.reset(std::move(complete));
    audience_.forget_all(revision);
    waiting = audience_.take_all();
  }
  NotifyAll(std::move(waiting));
}

void Feed::Core::wake_due() {
  const Duration now = env_.clock().monotonic();
  std::vector<Signal> due;
  {
    const MutexLock lock(mutex_);
    due = audience_.take_due(now, options_.bookmark_interval, ring_.revision());
  }
  NotifyAll(std::move(due));
}

// --- subscribers
// ----------------------------------------------------------------------------------

void Feed::Core::join(const StatePtr& state, Cursor from, Interest interest) {
  {
    const MutexLock lock(mutex_);
    owns(*state);
    state->exact = !from.key.has_value();
    state->cursor = std::move(from);
    state->told_at = env_.clock().monotonic();
    state->id = ++last_id_;
    state->group = audience_.join(std::move(interest), ring_.last_appended());
  }
  // It comes from a state that others may have made, and wants to be current at once.
  if (others_) poke_.notify();
  arrival_.notify();
}

void Feed::Core::leave(const StatePtr& state) {
  cancel(*state);
  const MutexLock lock(mutex_);
  audience_.leave(state->group);
  if (audience_.members() == 0) alone_since_ = env_.clock().monotonic();
}

void Feed::Core::cancel(Subscription::State& state) {
  {
    const MutexLock lock(mutex_);
    owns(state);
    audience_.stop_waiting(state.id);
    if (state.end.ok()) state.end = MakeError(Reason::kCancelled, "the subscription was cancelled");
  }
  state.signal.notify();
}

FeedStats Feed::Core::stats() const {
  const MutexLock lock(mutex_);
  return {.subscriptions = audience_.members(),
          .ring_rows = ring_.rows(),
          .ring_bytes = ring_.bytes(),
          .revision = ring_.revision(),
          .catch_up_reads = catch_up_reads_,
          .tail_reads = tail_reads_};
}

Task<absl::StatusOr<FeedBatch>> Feed::Core::Next(StatePtr state) {
  const std::shared_ptr<Core> core = state->core;
  for (;;) {
    const uint64_t seen = state->signal.generation();
    Step step = core->look(*state);
    if (step.what == Step::What::kGive) co_return std::move(step.batch);
    if (step.what == Step::What::kEnd) co_return step.end;
    if (step.what == Step::What::kWait) {
      co_await state->signal.wait(seen);
      continue;
    }
    absl::StatusOr<std::optional<FeedBatch>> read = co_await ReadEngine(state);
    if (!read.ok()) co_return read.status();
    if (read->has_value()) co_return **std::move(read);
  }
}

Feed::Core::Step Feed::Core::look(Subscription::State& state) {
  const MutexLock lock(mutex_);
  owns(state);
  return look_locked(state);
}

void Feed::Core::owns(const Subscription::State& state) const {
  HF_CHECK(state.core.get() == this) << "another feed's subscription";
}

Feed::Core::Step Feed::Core::look_locked(Subscription::State& state) {
  if (stopped_ && state.end.ok()) state.end = ShuttingDown();
  if (!state.end.ok()) return {.what = Step::What::kEnd, .end = state.end};
  skip_uninteresting(state);
  if (!in_ring(state) && !waits_for_tailer(state)) return {.what = Step::What::kReadEngine};
  const ReadLimits limits{
      .rows = options_.page, .bytes = options_.batch_bytes, .examined = kMaxExamined};
  for (bool more = in_ring(state); more;) {
    FeedBatch batch = ring_.read(state.cursor, state.group->interest, limits);
    more = !SamePlace(state.cursor, batch.cursor);
    state.cursor = batch.cursor;
    state.verified_in = life_;
    const bool bookmark = batch.bookmark && wants_bookmark(state, batch.cursor.revision);
    if (!batch.rows.empty() || bookmark) return give(state, std::move(batch));
  }
  const Duration deadline(state.told_at.value() + options_.bookmark_interval.value());
  audience_.wait(state.group, state.id, state.signal, deadline, state.told);
  return {.what = Step::What::kWait};
}

// A place of the future must be shown to the database first: there, it may be one of another life.
// So must one that isn't only a number, unless it is one of the ring's own.
bool Feed::Core::in_ring(const Subscription::State& state) const {
  const Cursor& cursor = state.cursor;
  if (!state.exact || cursor.incarnation != engine_.incarnation() || !ring_.covers(cursor)) {
    return false;
  }
  if (verified(state)) return true;
  if (cursor.snapshot.empty()) return cursor.revision <= ring_.revision();
  const Cursor* known = ring_.place_before(Revision(cursor.revision.value() + 1));
  return known != nullptr && SamePlace(*known, cursor) && known->snapshot == cursor.snapshot;
}

// It has read all there was from the engine, and the tailer hasn't begun.
bool Feed::Core::waits_for_tailer(const Subscription::State& state) const {
  return !ring_.ready() && verified(state) && !state.cursor.key.has_value() &&
         !state.bookmark_wanted;
}

// Lets those to whom nothing happens stay current for nothing, and without falling out of the ring
// when there is much that others want.
void Feed::Core::skip_uninteresting(Subscription::State& state) const {
  const Group& group = *state.group;
  Cursor& cursor = state.cursor;
  const bool known = ring_.ready() && cursor.incarnation == engine_.incarnation() &&
                     !cursor.key.has_value() && cursor.revision >= group.known_since &&
                     (verified(state) || cursor.snapshot.empty());
  if (!known || group.change_before > cursor.revision) return;
  // To the end, or to the last complete state before its first change since then.
  const Cursor* quiet_until = &ring_.place();
  if (group.last_change > cursor.revision) quiet_until = ring_.place_before(group.last_change);
  if (quiet_until != nullptr && quiet_until->revision > cursor.revision) cursor = *quiet_until;
}

bool Feed::Core::wants_bookmark(const Subscription::State& state, Revision revision) const {
  if (state.bookmark_wanted) return true;
  const Duration silent = Duration(env_.clock().monotonic().value() - state.told_at.value());
  return revision > state.told && silent >= options_.bookmark_interval;
}

Feed::Core::Step Feed::Core::give(Subscription::State& state, FeedBatch batch) const {
  state.bookmark_wanted = !batch.bookmark;
  state.told = batch.cursor.revision;
  state.told_at = env_.clock().monotonic();
  return {.what = Step::What::kGive, .batch = std::move(batch)};
}

Task<absl::StatusOr<std::optional<FeedBatch>>> Feed::Core::ReadEngine(StatePtr state) {
  const std::shared_ptr<Core> core = state->core;
  const Use use(core);
  const Gate::Pass pass = co_await core->catch_up_gate_.enter();
  Cursor from;
  uint64_t life = 0;
  {
    const MutexLock lock(core->mutex_);
    core->owns(*state);
    // The queue may have been long.
    if (core->stopped_ || !state->end.ok()) co_return std::nullopt;
    from = state->cursor;
    life = core->life_;
    ++core->catch_up_reads_;
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = co_await core->engine_.snapshot();
  if (!snapshot.ok()) co_return snapshot.status();
  absl::StatusOr<FeedPage> page = co_await (*snapshot)->feed(from, core->options_.page);
  co_return core->take_page(*state, std::move(page), life);
}

absl::StatusOr<std::optional<FeedBatch>> Feed::Core::take_page(Subscription::State& state,
                                                               absl::StatusOr<FeedPage> page,
                                                               uint64_t life) {
  const MutexLock lock(mutex_);
  owns(state);
  if (!page.ok()) {
    if (IsTooOld(page.status()) && state.end.ok()) state.end = page.status();
    return page.status();
  }
  FeedBatch batch{.cursor = page->next, .bookmark = page->complete};
  for (Row& row : page->rows) {
    if (!state.group->interest.matches(row.key)) continue;
    batch.rows.push_back(std::make_shared<const Row>(std::move(row)));
  }
  state.cursor = page->next;
  state.exact = page->complete;
  state.verified_in = life;
  const bool bookmark = batch.bookmark && wants_bookmark(state, batch.cursor.revision);
  if (batch.rows.empty() && !bookmark) return std::nullopt;
  return give(state, std::move(batch)).batch;
}

}  // namespace holdfast::feed
