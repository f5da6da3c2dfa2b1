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
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "holdfast/batch/postgres/failures.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/batch/postgres/statement_cache.h"
#include "holdfast/batch/postgres/values.h"
#include "holdfast/env/env.h"

struct pg_conn;
struct pg_result;

namespace holdfast::batch::postgres {

class Connection;

// How an exchange ended.
enum class End {
  kAnswered,  // the server has said what became of it
  kNotDone,   // the session was lost, and it certainly didn't happen
  kUnknown,   // the session was lost, and it may have happened
};

// Commands that go out together, with one Sync behind them: one transaction, unless they say
// BEGIN. Its calls come one after another.
class Exchange {
 public:
  virtual ~Exchange() = default;
  static constexpr size_t kAtCommit = std::numeric_limits<size_t>::max();
  // Calls execute() and execute_text() of the connection, and nothing else of it. May be called
  // again for another attempt after on_end().
  virtual void send(Connection& connection) = 0;
  // Command n has succeeded. Called under the connection's lock.
  virtual void on_result(size_t command, const pg_result* result) = 0;
  // Command n has failed, or what came behind the last one (kAtCommit). Under the lock.
  virtual void on_error(size_t command, const ServerError& error) = 0;
  // Nothing more will come. `lost`: the connection's own words if it isn't kAnswered. Without lock.
  virtual void on_end(End end, const std::string& lost) = 0;
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
  void execute(const Statement& statement, const Parameters& parameters);
  void execute_text(const char* sql);

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

  [[nodiscard]] absl::Status start(const ConnectParameters& parameters);
  [[nodiscard]] bool watch_socket();
  void forget_socket();
  void wait_for_handshake(int next);
  void on_handshake();
  void end_handshake(absl::Status status);
  [[nodiscard]] absl::Status become_ready();
  [[nodiscard]] std::string trouble() const;

  void check_sent(int result);
  void send_text(const char* sql);
  void send_sync();
  void deallocate_unused();
  void enlist(std::shared_ptr<Exchange> exchange);
  void flush(News& news);
  void wait_to_write();
  void wait_to_read();
  void on_readable();
  void drain(News& news);
  void take(const pg_result* result, News& news);
  void take_sync(News& news);
  void take_error(const pg_result* result);
  void take_prepared(const Expected& expected);
  void retire(News& news);
  void lose(std::string why, News& news);
  void tell(News& news);

  Env& env_;
  const PostgresOptions::Transactions transactions_;
  const std::function<void()> closed_;

  mutable std::mutex mutex_;
  State state_ = State::kConnecting;
  pg_conn* conn_ = nullptr;
  boost::asio::posix::stream_descriptor socket_;
  Duration connect_deadline_;
  Duration head_since_;  // when the exchange in front had its turn
  std::deque<InFlight> in_flight_;
  std::deque<Expected> expected_;
  uint32_t commands_ = 0;  // of the exchange that is being sent
  bool sending_failed_ = false;
  bool answered_ = false;       // the front of expected_ has had its result
  bool shutting_down_ = false;  // the server has ended the session: nothing behind is executed
  bool writing_ = false;
  bool retiring_ = false;  // takes nothing more, and ends after what is in flight
  bool told_ = false;      // closed_ was called
  std::string why_;
  std::function<void(absl::Status)> connected_;
  std::vector<Prepared> prepared_;  // by place
  std::vector<uint64_t> unused_;    // names to deallocate
  uint64_t last_name_ = 0;
  uint64_t exchanges_ = 0;  // sent so far
};

}  // namespace holdfast::batch::postgres
