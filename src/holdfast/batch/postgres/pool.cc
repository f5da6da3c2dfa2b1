#include "holdfast/batch/postgres/pool.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/reason.h"
#include "holdfast/env/event.h"

namespace holdfast::batch::postgres {
namespace {

// Deadlines are looked after so often: fine enough for those of seconds.
constexpr Duration kTick = Milliseconds(100);
// Between attempts to connect, doubled each time up to the longest, half of it by chance.
constexpr Duration kFirstPause = Milliseconds(20);
constexpr Duration kLongestPause = Seconds(1);

}  // namespace

Pool::Pool(Env& env, const PostgresOptions& options, PoolLimits limits,
           std::vector<ConnectParameters> hosts, std::shared_ptr<PostgresStats> stats)
    : env_(env),
      transactions_(options.transactions),
      connect_timeout_(options.connect_timeout),
      answer_timeout_(options.commit_timeout),
      limits_(limits),
      hosts_(std::move(hosts)),
      stats_(std::move(stats)),
      slots_(limits.connections) {}

void Pool::start() { tick(); }

// --- shares -------------------------------------------------------------------------------------

std::shared_ptr<Connection> Pool::take_share() {
  Slot* best = nullptr;
  for (Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.shares >= limits_.depth) continue;
    if (best == nullptr || slot.shares < best->shares) best = &slot;
    if (best->shares == 0) break;
  }
  if (best == nullptr || best->shares > 0) wish_more();
  if (best == nullptr) return nullptr;
  ++best->shares;
  return best->connection;
}

void Pool::acquire(std::shared_ptr<Claim> claim) {
  std::shared_ptr<Connection> connection;
  std::string refusal;
  {
    const MutexLock lock(mutex_);
    if (closed_) {
      refusal = "the database is being closed";
    } else if (waiting_.empty()) {
      connection = take_share();
    }
    if (connection == nullptr && refusal.empty()) {
      if (waiting_.size() < limits_.max_waiting) {
        waiting_.push_back({std::move(claim), env_.clock().monotonic()});
        wish_more();
        return;
      }
      refusal = absl::StrCat("too many wait for the database already (", limits_.max_waiting, ")");
    }
  }
  if (connection != nullptr) return claim->granted(connection);
  ++stats_->refused;
  claim->refused(refusal);
}

// Who has waited the longest comes first.
std::vector<Pool::Granted> Pool::serve() {
  std::vector<Granted> granted;
  while (!waiting_.empty()) {
    std::shared_ptr<Connection> connection = take_share();
    if (connection == nullptr) break;
    granted.push_back({std::move(waiting_.front().claim), std::move(connection)});
    waiting_.pop_front();
  }
  return granted;
}

void Pool::release(const std::shared_ptr<Connection>& connection) {
  std::vector<Granted> granted;
  {
    const MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (slot.connection == connection) --slot.shares;
    }
    if (!waiting_.empty()) granted = serve();
  }
  for (const Granted& each : granted) each.claim->granted(each.connection);
}

void Pool::on_closed(const Connection* connection) {
  const MutexLock lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.connection.get() != connection) continue;
    slot = {};
    if (!closed_) ++stats_->lost;
  }
  if (!waiting_.empty()) wish_more();
}

void Pool::close_idle() {
  std::vector<std::shared_ptr<Connection>> ending;
  {
    const MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (slot.connection == nullptr || slot.shares > 0) continue;
      ending.push_back(std::move(slot.connection));
      slot = {};
    }
  }
  for (const auto& connection : ending) connection->close("not needed");
}

void Pool::close() {
  std::vector<std::shared_ptr<Connection>> ending;
  std::deque<Waiting> refused;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    for (const Slot& slot : slots_) {
      if (slot.connection != nullptr) ending.push_back(slot.connection);
    }
    if (newcomer_ != nullptr) ending.push_back(newcomer_);
    refused.swap(waiting_);
  }
  for (const auto& connection : ending) connection->close("the database is being closed");
  for (const Waiting& waiting : refused) waiting.claim->refused("the database is being closed");
}

// --- sessions -----------------------------------------------------------------------------------

// Another session, if there may be one. One at a time: a server in trouble needs no crowd.
void Pool::wish_more() {
  if (connecting_ || closed_) return;
  const bool room = std::any_of(slots_.begin(), slots_.end(),
                                [](const Slot& slot) { return slot.connection == nullptr; });
  if (!room) return;
  connecting_ = true;
  // Not from here: a task may begin within Spawn().
  Post(env_, [self = shared_from_this()] { Spawn(self->env_, ConnectMore(self)); });
}

bool Pool::is_wanted() {
  if (closed_) return false;
  bool room = false;
  bool idle = false;
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr) room = true;
    if (slot.connection != nullptr && slot.shares == 0) idle = true;
  }
  return room && !idle;
}

Task<void> Pool::ConnectMore(std::shared_ptr<Pool> self) {
  Duration pause = kFirstPause;
  for (;;) {
    auto connection = co_await TryHosts(self);
    std::vector<Granted> granted;
    {
      const MutexLock lock(self->mutex_);
      if (connection.ok()) {
        pause = kFirstPause;
        granted = self->serve();
      }
      // While nobody waits the next who comes will ask again.
      const bool more = self->is_wanted() && (connection.ok() || !self->waiting_.empty());
      if (!more) self->connecting_ = false;
      if (!more) pause = Duration(0);
    }
    for (const Granted& each : granted) each.claim->granted(each.connection);
    if (pause == Duration(0)) co_return;
    if (connection.ok()) continue;
    const auto half = static_cast<uint64_t>(pause.value() / 2);
    const uint64_t draw = self->env_.random().next();
    co_await self->env_.sleep(Duration(static_cast<int64_t>(half + draw % (half + 1))));
    pause = std::min(Duration(pause.value() * 2), kLongestPause);
  }
}

std::shared_ptr<Connection> Pool::new_connection() {
  // The session may outlive the pool in the hands of who uses it.
  struct Link {
    std::weak_ptr<Pool> pool;
    Connection* connection = nullptr;
  };
  auto link = std::make_shared<Link>();
  link->pool = weak_from_this();
  auto connection = std::make_shared<Connection>(env_, transactions_, [link] {
    if (const auto pool = link->pool.lock()) pool->on_closed(link->connection);
  });
  link->connection = connection.get();
  return connection;
}

bool Pool::add(const std::shared_ptr<Connection>& connection) {
  const MutexLock lock(mutex_);
  newcomer_ = nullptr;
  if (closed_) return false;
  for (Slot& slot : slots_) {
    if (slot.connection != nullptr) continue;
    slot.connection = connection;
    ++stats_->connects;
    return true;
  }
  return false;
}

Task<absl::StatusOr<std::shared_ptr<Connection>>> Pool::TryHosts(std::shared_ptr<Pool> self) {
  absl::Status failure;
  for (size_t i = 0; i < self->hosts_.size(); ++i) {
    std::shared_ptr<Connection> connection = self->new_connection();
    size_t host = 0;
    {
      const MutexLock lock(self->mutex_);
      if (self->closed_) co_return MakeError(Reason::kDatabaseUnavailable, "being closed");
      host = self->next_host_;
      self->newcomer_ = connection;
    }
    // Shared with the callback, which may come when this coroutine is gone.
    auto status = std::make_shared<absl::Status>();
    OneShot done;
    connection->connect(self->hosts_[host], self->connect_timeout_,
                        [status, done](absl::Status s) mutable {
                          *status = std::move(s);
                          done.set();
                        });
    co_await done.wait();
    if (status->ok() && self->add(connection)) co_return connection;
    if (status->ok()) connection->close("not needed");
    failure = status->ok() ? MakeError(Reason::kDatabaseUnavailable, "being closed") : *status;
    const MutexLock lock(self->mutex_);
    ++self->stats_->connect_errors;
    self->last_error_ = std::string(failure.message());
    self->newcomer_ = nullptr;
    self->next_host_ = (host + 1) % self->hosts_.size();
  }
  co_return failure;
}

Task<absl::Status> Pool::ConnectOne(std::shared_ptr<Pool> self) {
  auto connection = co_await TryHosts(self);
  co_return connection.status();
}

// --- deadlines ----------------------------------------------------------------------------------

void Pool::tick() {
  const Duration now = env_.clock().monotonic();
  std::vector<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<Claim>> late;
  std::string why;
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    for (const Slot& slot : slots_) {
      if (slot.connection != nullptr) connections.push_back(slot.connection);
    }
    if (newcomer_ != nullptr) connections.push_back(newcomer_);
    while (!waiting_.empty() &&
           now.value() - waiting_.front().since.value() > limits_.max_wait.value()) {
      late.push_back(std::move(waiting_.front().claim));
      waiting_.pop_front();
    }
    why = absl::StrCat("waited too long for the database", last_error_.empty() ? "" : ": ",
                       last_error_);
  }
  for (const auto& connection : connections) connection->check(now, answer_timeout_);
  for (const auto& claim : late) {
    ++stats_->refused;
    claim->refused(why);
  }
  env_.post_after(kTick, [weak = weak_from_this()] {
    if (const auto pool = weak.lock()) pool->tick();
  });
}

}  // namespace holdfast::batch::postgres
