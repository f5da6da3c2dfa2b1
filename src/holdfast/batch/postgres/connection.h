// One session with PostgreSQL in libpq's pipeline mode: many exchanges in flight, each ended by a
// Sync of its own, answered in their order. Nothing here blocks, but DNS in libpq.
//
// Thread-safe: a mutex guards libpq's connection. What comes in is read by whichever thread of the
// executor is woken for it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "holdfast/base/mutex.h"
#include "holdfast/batch/postgres/failures.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/batch/postgres/statement_cache.h"
#include "holdfast/batch/postgres/values.h"
#include "holdfast/env/env.h"

struct pg_conn;
struct pg_result;

namespace holdfast::batch::postgres {

class Exchange;

// How an exchange ended.
enum class End {
  kAnswered,  // the server has said what became of it
  kNotDone,   // the session was lost, and it certainly didn't happen
  kUnknown,   // the session was lost, and it may have happened
};

// What libpq's conninfo says, for one host.
using ConnectParameters = std::vector<std::pair<std::string, std::string>>;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `closed` is called once, when a session that was ready takes no more exchanges.
  Connection(Env& env, PostgresOptions::Transactions transactions, std::function<void()> closed);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins the session, once; `done` is called when it is there, or isn't to be had.
  void connect(const ConnectParameters& parameters, Duration timeout,
               std::function<void(absl::Status)> done);
  void send(std::shared_ptr<Exchange> exchange);
  // Ends the session; what is in flight ends with it.
  void close(std::string_view why);
  // Gives up where an answer, or the session, is late.
  void check(Duration now, Duration answer_timeout);

  // For Exchange::send().
  void execute(const Statement& statement, const Parameters& parameters)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void execute_text(const char* sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The lock's name in annotations. Nowhere defined: nobody else is to take it.
  [[nodiscard]] Mutex& mutex() const ABSL_LOCK_RETURNED(mutex_);

 private:
  struct InFlight {
    std::shared_ptr<Exchange> exchange;  // null: the driver's own ROLLBACK
    bool flushed = false;                // the kernel may have all of it
    bool failed = false;                 // the server has said so: it can't commit any more
  };
  // What is to be told once the lock is gone.
  struct News {
    struct Ended {
      std::shared_ptr<Exchange> exchange;
      End end;
    };
    absl::InlinedVector<Ended, 4> ended;
    bool closed = false;
    std::string why;
  };
  // What the next results belong to.
  struct Expected {
    enum class Kind { kParse, kExecute, kOwn, kSync } kind = Kind::kSync;
    uint32_t command = 0;
    size_t place = 0;
    uint64_t id = 0;
    uint64_t name = 0;
    bool cached = false;  // kExecute: prepared by an earlier exchange
  };
  struct Prepared {
    uint64_t id = 0;  // 0: none
    uint64_t name = 0;
    // Asked for, and not answered yet: of use within the same exchange only.
    uint64_t asked_id = 0;
    uint64_t asked_by = 0;
    uint64_t asked_name = 0;
  };
  enum class State { kConnecting, kReady, kClosed };

  [[nodiscard]] absl::Status start(const ConnectParameters& parameters)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] bool watch_socket() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void forget_socket() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void wait_for_handshake(int next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void on_handshake();
  void end_handshake(absl::Status status);
  [[nodiscard]] absl::Status become_ready() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] std::string trouble() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void check_sent(int result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void send_text(const char* sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void send_sync() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void deallocate_unused() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void enlist(std::shared_ptr<Exchange> exchange) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void flush(News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void wait_to_write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void wait_to_read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void on_readable();
  void drain(News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void take(const pg_result* result, News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void take_sync(News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void take_error(const pg_result* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void take_prepared(const Expected& expected) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void retire(News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void lose(std::string why, News& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void tell(News& news);

  Env& env_;
  const PostgresOptions::Transactions transactions_;
  const std::function<void()> closed_;

  mutable Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kConnecting;
  pg_conn* conn_ ABSL_GUARDED_BY(mutex_) = nullptr;
  boost::asio::posix::stream_descriptor socket_ ABSL_GUARDED_BY(mutex_);
  Duration connect_deadline_ ABSL_GUARDED_BY(mutex_);
  Duration head_since_ ABSL_GUARDED_BY(mutex_);  // when the exchange in front had its turn
  std::deque<InFlight> in_flight_ ABSL_GUARDED_BY(mutex_);
  std::deque<Expected> expected_ ABSL_GUARDED_BY(mutex_);
  uint32_t commands_ ABSL_GUARDED_BY(mutex_) = 0;  // of the exchange that is being sent
  bool sending_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;  // the front of expected_ has had its result
  // The server has ended the session: nothing behind is executed.
  bool shutting_down_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // Takes nothing more, and ends after what is in flight.
  bool retiring_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // closed_ was called
  std::string why_ ABSL_GUARDED_BY(mutex_);
  std::function<void(absl::Status)> connected_ ABSL_GUARDED_BY(mutex_);
  std::vector<Prepared> prepared_ ABSL_GUARDED_BY(mutex_);  // by place
  std::vector<uint64_t> unused_ ABSL_GUARDED_BY(mutex_);    // names to deallocate
  uint64_t last_name_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t exchanges_ ABSL_GUARDED_BY(mutex_) = 0;  // sent so far
};

// Commands that go out together, with one Sync behind them: one transaction, unless they say
// BEGIN. Its calls come one after another.
class Exchange {
 public:
  virtual ~Exchange() = default;
  static constexpr size_t kAtCommit = std::numeric_limits<size_t>::max();
  // Calls execute() and execute_text() of the connection, and nothing else of it. May be called
  // again for another attempt after on_end().
  virtual void send(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex()) = 0;
  // Command n has succeeded. Called under the connection's lock.
  virtual void on_result(size_t command, const pg_result* result) = 0;
  // Command n has failed, or what came behind the last one (kAtCommit). Under the lock.
  virtual void on_error(size_t command, const ServerError& error) = 0;
  // Nothing more will come. `lost`: the connection's own words if it isn't kAnswered. Without lock.
  virtual void on_end(End end, const std::string& lost) = 0;
};

}  // namespace holdfast::batch::postgres
