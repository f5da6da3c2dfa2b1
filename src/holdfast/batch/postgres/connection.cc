#include "holdfast/batch/postgres/connection.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <array>
#include <boost/asio/socket_base.hpp>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch::postgres {
namespace {

namespace asio = boost::asio;

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

// "hf123", without an allocation.
struct Name {
  explicit Name(uint64_t number) {
    text[0] = 'h';
    text[1] = 'f';
    *std::to_chars(text.data() + 2, text.data() + text.size() - 1, number).ptr = '\0';
  }
  std::array<char, 24> text{};
};

bool IsLater(Duration a, Duration b) { return a.value() > b.value(); }
Duration Sum(Duration a, Duration b) { return Duration(a.value() + b.value()); }
Duration Difference(Duration a, Duration b) { return Duration(a.value() - b.value()); }

}  // namespace

Connection::Connection(Env& env, PostgresOptions::Transactions transactions,
                       std::function<void()> closed)
    : env_(env),
      transactions_(transactions),
      closed_(std::move(closed)),
      socket_(env.executor()),
      prepared_(kMaxStatements) {}

Connection::~Connection() {
  forget_socket();
  const bool unfinished = conn_ != nullptr && !in_flight_.empty() && PQsocket(conn_) >= 0;
  if (unfinished)
    (void)shutdown(PQsocket(conn_), asio::socket_base::shutdown_both);  // as in lose()
  if (conn_ != nullptr) PQfinish(conn_);
}

// --- the session's begin ------------------------------------------------------------------------

absl::Status Connection::start(const ConnectParameters& parameters) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  conn_ = PQconnectStartParams(keywords.data(), values.data(), 0);
  HF_CHECK(conn_ != nullptr) << "out of memory";
  // By itself libpq prints what the server notes.
  PQsetNoticeReceiver(
      conn_, [](void*, const PGresult*) {}, nullptr);
  if (PQstatus(conn_) == CONNECTION_BAD) return MakeError(Reason::kDatabaseUnavailable, trouble());
  return absl::OkStatus();
}

std::string Connection::trouble() const {
  std::string text = PQerrorMessage(conn_);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void Connection::connect(const ConnectParameters& parameters, Duration timeout,
                         std::function<void(absl::Status)> done) {
  absl::Status started;
  {
    const MutexLock lock(mutex_);
    connected_ = std::move(done);
    connect_deadline_ = Sum(env_.clock().monotonic(), timeout);
    if (state_ == State::kClosed) started = MakeError(Reason::kDatabaseUnavailable, why_);
    if (started.ok()) started = start(parameters);
    // libpq says: as if a first poll had asked for writing.
    if (started.ok()) wait_for_handshake(PGRES_POLLING_WRITING);
  }
  if (!started.ok()) end_handshake(started);
}

// A descriptor of our own for libpq's socket: libpq closes its own by itself, and its number may be
// another session's before we have stopped to watch it.
bool Connection::watch_socket() {
  forget_socket();
  boost::system::error_code failed;
  const int own = fcntl(PQsocket(conn_), F_DUPFD_CLOEXEC, 0);
  if (own >= 0) socket_.assign(own, failed);
  if (own >= 0 && failed) ::close(own);
  return own >= 0 && !failed;
}

void Connection::forget_socket() {
  boost::system::error_code ignored;
  if (socket_.is_open()) (void)socket_.close(ignored);
}

// Between two polls libpq may have opened another socket.
void Connection::wait_for_handshake(int next) {
  (void)watch_socket();  // if it fails so does the wait
  socket_.async_wait(
      next == PGRES_POLLING_READING ? asio::posix::stream_descriptor::wait_read
                                    : asio::posix::stream_descriptor::wait_write,
      [self = shared_from_this()](const boost::system::error_code&) { self->on_handshake(); });
}

void Connection::on_handshake() {
  absl::Status status;
  {
    const MutexLock lock(mutex_);
    const bool late = IsLater(env_.clock().monotonic(), connect_deadline_);
    if (late && why_.empty()) why_ = "the server didn't answer in time";
    if (state_ == State::kClosed || late) {
      status = MakeError(Reason::kDatabaseUnavailable, why_);
    } else {
      const PostgresPollingStatusType next = PQconnectPoll(conn_);
      if (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        return wait_for_handshake(next);
      }
      status = next == PGRES_POLLING_OK ? become_ready()
                                        : MakeError(Reason::kDatabaseUnavailable, trouble());
    }
  }
  end_handshake(std::move(status));
}

absl::Status Connection::become_ready() {
  if (PQsetnonblocking(conn_, 1) != 0 || PQenterPipelineMode(conn_) != 1) {
    return MakeError(Reason::kDatabaseUnavailable, trouble());
  }
  if (!watch_socket()) return MakeError(Reason::kDatabaseUnavailable, "no more files");
  state_ = State::kReady;
  wait_to_read();
  return absl::OkStatus();
}

void Connection::end_handshake(absl::Status status) {
  std::function<void(absl::Status)> done;
  {
    const MutexLock lock(mutex_);
    done = std::exchange(connected_, nullptr);
  }
  if (done) done(std::move(status));
}

// --- sending ------------------------------------------------------------------------------------

void Connection::check_sent(int result) {
  if (result != 1) sending_failed_ = true;
}

void Connection::send_text(const char* sql) {
  check_sent(PQsendQueryParams(conn_, sql, 0, nullptr, nullptr, nullptr, nullptr, 0));
}

void Connection::execute_text(const char* sql) {
  send_text(sql);
  expected_.push_back({.kind = Expected::Kind::kExecute, .command = commands_++});
}

void Connection::execute(const Statement& statement, const Parameters& parameters) {
  Prepared& prepared = prepared_[statement.place];
  const bool cached = prepared.id == statement.id;
  const bool here = prepared.asked_id == statement.id && prepared.asked_by == exchanges_;
  // What isn't known to be prepared is prepared here, under a name of its own: of what is in flight
  // the server may refuse any part.
  if (!cached && !here) {
    prepared.asked_id = statement.id;
    prepared.asked_by = exchanges_;
    prepared.asked_name = ++last_name_;
    check_sent(
        PQsendPrepare(conn_, Name(last_name_).text.data(), statement.text.c_str(), 0, nullptr));
    expected_.push_back({.kind = Expected::Kind::kParse,
                         .command = commands_,
                         .place = statement.place,
                         .id = statement.id,
                         .name = last_name_});
  }
  const Name name(cached ? prepared.name : prepared.asked_name);
  check_sent(PQsendQueryPrepared(conn_, name.text.data(), parameters.size(), parameters.values(),
                                 parameters.lengths(), parameters.formats(), 0));
  expected_.push_back({.kind = Expected::Kind::kExecute, .command = commands_++, .cached = cached});
}

// With a Sync of their own: an exchange may begin with a BEGIN, before which nothing may have read.
void Connection::deallocate_unused() {
  enlist(nullptr);
  for (const uint64_t name : unused_) {
    send_text(absl::StrCat("DEALLOCATE ", Name(name).text.data()).c_str());
    expected_.push_back({.kind = Expected::Kind::kOwn});
  }
  unused_.clear();
  send_sync();
}

void Connection::send_sync() {
  check_sent(PQpipelineSync(conn_));
  expected_.push_back({.kind = Expected::Kind::kSync});
}

// Sending this pushes out what is before it, and whether all of that has gone nobody says.
void Connection::enlist(std::shared_ptr<Exchange> exchange) {
  if (!in_flight_.empty()) in_flight_.back().flushed = true;
  in_flight_.push_back({std::move(exchange)});
}

void Connection::send(std::shared_ptr<Exchange> exchange) {
  News news;
  {
    const MutexLock lock(mutex_);
    if (state_ != State::kReady || retiring_) {
      news.ended.push_back({std::move(exchange), End::kNotDone});
      news.why = why_;
    } else {
      if (in_flight_.empty()) head_since_ = env_.clock().monotonic();
      if (!unused_.empty()) deallocate_unused();
      enlist(exchange);
      commands_ = 0;
      ++exchanges_;
      exchange->send(*this);
      send_sync();
      if (transactions_ == PostgresOptions::Transactions::kExplicit) {
        // There a failed transaction stays until it is told to end.
        enlist(nullptr);
        send_text("ROLLBACK");
        expected_.push_back({.kind = Expected::Kind::kOwn});
        send_sync();
      }
      sending_failed_ ? lose(trouble(), news) : flush(news);
    }
  }
  tell(news);
}

void Connection::flush(News& news) {
  const int left = PQflush(conn_);
  if (left < 0) return lose(trouble(), news);
  if (left > 0) return wait_to_write();
  if (!in_flight_.empty()) in_flight_.back().flushed = true;
}

void Connection::wait_to_write() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](const boost::system::error_code&) {
                       News news;
                       {
                         const MutexLock lock(self->mutex_);
                         self->writing_ = false;
                         if (self->state_ == State::kReady) self->flush(news);
                       }
                       self->tell(news);
                     });
}

// --- answers ------------------------------------------------------------------------------------

void Connection::wait_to_read() {
  socket_.async_wait(
      asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this()](const boost::system::error_code&) { self->on_readable(); });
}

void Connection::on_readable() {
  News news;
  {
    const MutexLock lock(mutex_);
    if (state_ != State::kReady) return;
    const bool alive = PQconsumeInput(conn_) == 1;
    // The server's last words may have come before the end.
    drain(news);
    if (!alive || PQstatus(conn_) == CONNECTION_BAD) {
      lose(trouble(), news);
    } else {
      retire(news);
    }
    if (state_ == State::kReady) wait_to_read();
  }
  tell(news);
}

void Connection::drain(News& news) {
  int nothing = 0;
  while (!expected_.empty() && PQisBusy(conn_) == 0) {
    const Result result(PQgetResult(conn_));
    if (result != nullptr) {
      nothing = 0;
      take(result.get(), news);
      continue;
    }
    // After each command's results; once more where libpq only turns to the next command.
    if (answered_) {
      answered_ = false;
      expected_.pop_front();
    } else if (++nothing > 1) {
      return;
    }
  }
}

void Connection::take(const pg_result* result, News& news) {
  const Expected expected = expected_.front();
  switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
      HF_CHECK(expected.kind == Expected::Kind::kSync) << "a Sync that nobody has sent";
      return take_sync(news);
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
      answered_ = true;
      if (expected.kind == Expected::Kind::kParse) take_prepared(expected);
      if (expected.kind == Expected::Kind::kExecute) {
        in_flight_.front().exchange->on_result(expected.command, result);
      }
      return;
    case PGRES_PIPELINE_ABORTED:
      answered_ = true;
      return;
    default:
      // Behind an error at the Sync comes the Sync's own result.
      answered_ = expected.kind != Expected::Kind::kSync;
      take_error(result);
      return;
  }
}

void Connection::take_sync(News& news) {
  expected_.pop_front();
  answered_ = false;
  InFlight done = std::move(in_flight_.front());
  in_flight_.pop_front();
  if (!in_flight_.empty()) head_since_ = env_.clock().monotonic();
  if (done.exchange != nullptr) news.ended.push_back({std::move(done.exchange), End::kAnswered});
}

void Connection::take_prepared(const Expected& expected) {
  Prepared& prepared = prepared_[expected.place];
  // Another exchange may have prepared it meanwhile, or the place may be a newer statement's.
  if (prepared.id >= expected.id) {
    unused_.push_back(expected.name);
    return;
  }
  if (prepared.id != 0) unused_.push_back(prepared.name);
  prepared.id = expected.id;
  prepared.name = expected.name;
}

void Connection::take_error(const pg_result* result) {
  ServerError error = ReadError(result);
  if (error.sqlstate.empty()) return;  // the connection's trouble: its loss follows
  InFlight& head = in_flight_.front();
  const Expected& expected = expected_.front();
  const bool at_commit = expected.kind == Expected::Kind::kSync;
  if (EndsSession(error.sqlstate)) retiring_ = true;
  // Who is thrown out while it commits doesn't know: nothing is said of it but the loss.
  if (at_commit && error.is_fatal()) return;
  head.failed = true;
  if (error.is_fatal() && error.sqlstate == "57P01") shutting_down_ = true;
  error.stale =
      expected.kind == Expected::Kind::kOwn || (expected.cached && IsStalePlan(error.sqlstate));
  if (error.stale) retiring_ = true;  // a new session prepares everything anew
  if (head.exchange == nullptr) return;
  head.exchange->on_error(at_commit ? Exchange::kAtCommit : expected.command, error);
}

// --- the session's end --------------------------------------------------------------------------

void Connection::retire(News& news) {
  if (!retiring_ || state_ != State::kReady) return;
  news.closed = !std::exchange(told_, true);
  if (in_flight_.empty()) lose("the session isn't of use any more", news);
}

void Connection::lose(std::string why, News& news) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kReady && !std::exchange(told_, true)) news.closed = true;
  state_ = State::kClosed;
  why_ = std::move(why);
  news.why = why_;
  for (InFlight& lost : in_flight_) {
    if (lost.exchange == nullptr) continue;
    End end = End::kUnknown;
    if (!lost.flushed || shutting_down_) end = End::kNotDone;
    if (lost.failed) end = End::kAnswered;
    news.ended.push_back({std::move(lost.exchange), end});
  }
  // PQfinish() would first send what libpq still holds, with the Sync of who is told it wasn't
  // done.
  if (!in_flight_.empty() && PQsocket(conn_) >= 0)
    (void)shutdown(PQsocket(conn_), asio::socket_base::shutdown_both);
  in_flight_.clear();
  expected_.clear();
  forget_socket();  // ends the waits
  if (conn_ != nullptr) PQfinish(std::exchange(conn_, nullptr));
}

void Connection::tell(News& news) {
  if (news.closed) closed_();
  for (News::Ended& each : news.ended) each.exchange->on_end(each.end, news.why);
}

void Connection::close(std::string_view why) {
  News news;
  {
    const MutexLock lock(mutex_);
    lose(std::string(why), news);
  }
  tell(news);
}

void Connection::check(Duration now, Duration answer_timeout) {
  News news;
  {
    const MutexLock lock(mutex_);
    const bool connecting = state_ == State::kConnecting && conn_ != nullptr;
    if (connecting && IsLater(now, connect_deadline_) && socket_.is_open()) socket_.cancel();
    const bool late = state_ == State::kReady && !in_flight_.empty() &&
                      IsLater(Difference(now, head_since_), answer_timeout);
    if (late) lose("no answer in time", news);
  }
  tell(news);
}

}  // namespace holdfast::batch::postgres
