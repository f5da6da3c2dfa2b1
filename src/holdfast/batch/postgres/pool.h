// Sessions with one database, as many as are needed up to a bound, and who waits for one.
//
// A claim gets a share of the session that has the fewest: breadth first, depth only when all are
// busy. While there may be more sessions and all are busy, one more is connected. Lost ones are
// replaced when they are needed; with several hosts, at whichever takes writes.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/mutex.h"
#include "holdfast/batch/postgres/connection.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/env/env.h"

namespace holdfast::batch::postgres {

// Who wants to use a session.
class Claim {
 public:
  virtual ~Claim() = default;
  // The claim's share, until Pool::release().
  virtual void granted(const std::shared_ptr<Connection>& connection) = 0;
  // There is none. `why` says so for people.
  virtual void refused(const std::string& why) = 0;
};

struct PoolLimits {
  size_t connections = 1;
  size_t depth = 1;  // shares of a session
  size_t max_waiting = 1;
  Duration max_wait;
};

// Thread-safe.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(Env& env, const PostgresOptions& options, PoolLimits limits,
       std::vector<ConnectParameters> hosts, std::shared_ptr<PostgresStats> stats);

  // Begins to look after deadlines. Once, before all else.
  void start();
  // Connects a first session, or says why it can't.
  static Task<absl::Status> ConnectOne(std::shared_ptr<Pool> self);
  // Exactly one of the claim's functions is called, perhaps at once.
  void acquire(std::shared_ptr<Claim> claim);
  void release(const std::shared_ptr<Connection>& connection);
  // Ends the sessions that nobody has a share of.
  void close_idle();
  // Ends all sessions; who waits is refused, and so is who comes.
  void close();

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;  // null: none, or being connected
    size_t shares = 0;
  };
  struct Waiting {
    std::shared_ptr<Claim> claim;
    Duration since;
  };
  struct Granted {
    std::shared_ptr<Claim> claim;
    std::shared_ptr<Connection> connection;
  };

  [[nodiscard]] std::shared_ptr<Connection> take_share() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::vector<Granted> serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void wish_more() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static Task<void> ConnectMore(std::shared_ptr<Pool> self);
  static Task<absl::StatusOr<std::shared_ptr<Connection>>> TryHosts(std::shared_ptr<Pool> self);
  [[nodiscard]] std::shared_ptr<Connection> new_connection();
  [[nodiscard]] bool add(const std::shared_ptr<Connection>& connection);
  [[nodiscard]] bool is_wanted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void on_closed(const Connection* connection);
  void tick();

  Env& env_;
  const PostgresOptions::Transactions transactions_;
  const Duration connect_timeout_;
  const Duration answer_timeout_;
  const PoolLimits limits_;
  const std::vector<ConnectParameters> hosts_;
  const std::shared_ptr<PostgresStats> stats_;  // shared with whoever reads them

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  bool connecting_ ABSL_GUARDED_BY(mutex_) = false;
  // While it is being connected.
  std::shared_ptr<Connection> newcomer_ ABSL_GUARDED_BY(mutex_);
  size_t next_host_ ABSL_GUARDED_BY(mutex_) = 0;  // where the last session was had
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::batch::postgres
