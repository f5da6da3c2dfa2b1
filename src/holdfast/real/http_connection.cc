#include "holdfast/real/http_connection.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// The first read of a request: most fit, and an idle connection keeps no more than this.
constexpr size_t kFirstRead = 1024;
// Clients that want to wait longer than a day don't want a deadline.
constexpr double kLongestTimeout = 24 * 3600;

std::chrono::microseconds Micros(Duration d) { return std::chrono::microseconds(d.value()); }

std::string_view View(beast::string_view s) { return {s.data(), s.size()}; }

std::string PeerText(const HttpConnection::Socket& socket) {
  error_code failure;
  const auto peer = socket.remote_endpoint(failure);
  if (failure) return "unknown";
  const std::string host = peer.address().to_string();
  return peer.address().is_v6() ? absl::StrCat("[", host, "]:", peer.port())
                                : absl::StrCat(host, ":", peer.port());
}

absl::Status Overloaded(std::string_view what) {
  return MakeError(Reason::kOverloaded, what, {.retry_after = server::kRetryAfterOverload});
}

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<HttpShared> shared, Socket socket, std::function<void()> on_end)
      : shared_(std::move(shared)),
        limits_(shared_->options.limits),
        on_end_(std::move(on_end)),
        peer_(PeerText(socket)),
        stream_(std::move(socket)),
        deadline_timer_(stream_.get_executor()) {
    error_code ignored;  // the peer may have gone already: the first read will tell
    stream_.socket().non_blocking(true, ignored);
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    // Finds clients that have gone without a word.
    stream_.socket().set_option(asio::socket_base::keep_alive(true), ignored);
  }

  static void Start(const std::shared_ptr<Connection>& self) {
    asio::co_spawn(self->stream_.get_executor(), Run(self), [](std::exception_ptr failure) {
      HF_CHECK(failure == nullptr) << "an exception out of an HTTP connection";
    });
  }
  static void StartRefusing(const std::shared_ptr<Connection>& self) {
    asio::co_spawn(self->stream_.get_executor(), RunRefusing(self), [](std::exception_ptr failure) {
      HF_CHECK(failure == nullptr) << "an exception out of an HTTP connection";
    });
  }

  void wind_down() override {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->stopping_ = true;
      if (self->idle_) self->stream_.close();
    });
  }

  void cut() override {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->stopping_ = true;
      self->cut_ = true;
      self->cancelled_.set();
      self->stream_.close();
    });
  }

 private:
  enum class Step { kGoOn, kRefused, kClosed };
  enum class Watching { kCall, kStream };
  class Lines;

  static Task<void> Run(std::shared_ptr<Connection> self);
  static Task<void> RunRefusing(std::shared_ptr<Connection> self);

  // Reading. kRefused: refusal_ says why, and what else comes can't be understood.
  Task<Step> wait_for_request();
  Task<Step> read_header();
  Task<Step> read_body();
  Step on_read_error(const error_code& failure);
  Step check_header();
  Step refuse(HttpReply reply);
  Step refuse_header(int code, std::string_view name, std::string_view problem);
  bool reserve_body();

  // Answering. False: the connection can't go on.
  Task<bool> answer();
  Task<bool> call(JsonCall call);
  Task<bool> stream(JsonCall call);
  Task<bool> reply(HttpReply reply);
  Task<bool> write(std::string head, std::string body);
  absl::StatusOr<server::CallContext> read_context() const;
  void end_request();
  Task<void> close_politely();

  // While a call is under way: sets its `cancelled` when the client is gone or time is up.
  void watch(const server::CallContext& context, Watching what);
  void wait_readable(Watching what);
  void on_readable(uint64_t call, Watching what, const error_code& failure);
  void end_watch();
  [[nodiscard]] absl::Status with_deadline(absl::Status status) const;

  [[nodiscard]] Persistence persistence() const {
    return keep_alive_ && !stopping_ ? Persistence::kKeepAlive : Persistence::kClose;
  }

  const std::shared_ptr<HttpShared> shared_;  // with the server and all its connections
  const HttpLimits& limits_;
  const std::function<void()> on_end_;
  const std::string peer_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;

  // The request at hand.
  std::optional<http::request_parser<http::string_body>> parser_;
  size_t reserved_ = 0;  // bytes of shared_->bodies
  HttpReply refusal_;
  bool head_only_ = false;
  bool chunks_ = false;  // HTTP/1.1: understands chunks
  bool keep_alive_ = false;

  bool idle_ = false;
  bool stopping_ = false;
  bool cut_ = false;

  // The call under way.
  OneShot cancelled_;
  bool time_is_up_ = false;
  uint64_t call_ = 0;  // handlers of earlier calls know by it that they are late
  asio::cancellation_signal stop_waiting_;
  asio::steady_timer deadline_timer_;
};

// ------------------------------------------------------------------------------------ Reading

Connection::Step Connection::refuse(HttpReply reply) {
  refusal_ = std::move(reply);
  keep_alive_ = false;
  return Step::kRefused;
}

Connection::Step Connection::refuse_header(int code, std::string_view name,
                                           std::string_view problem) {
  return refuse(ErrorReply(FieldError(Reason::kMalformedRequest, name, problem), code));
}

Connection::Step Connection::on_read_error(const error_code& failure) {
  if (failure == http::error::body_limit) {
    return refuse_header(413, "body",
                         absl::StrCat("is larger than ", limits_.max_body_bytes, " bytes"));
  }
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
    return refuse_header(431, "headers", "are too large, or the path is");
  }
  const bool malformed =
      failure.category() == http::make_error_code(http::error::bad_target).category() &&
      failure != http::error::end_of_stream && failure != http::error::partial_message;
  if (!malformed) return Step::kClosed;
  return refuse_header(400, "request", absl::StrCat("isn't HTTP/1.1: ", failure.message()));
}

// Until the first bytes of the next request are there.
Task<Connection::Step> Connection::wait_for_request() {
  if (buffer_.size() > 0) co_return Step::kGoOn;
  buffer_.shrink_to_fit();
  if (stopping_) co_return Step::kClosed;
  idle_ = true;
  stream_.expires_after(Micros(limits_.idle_timeout));
  error_code failure;
  const size_t got = co_await stream_.async_read_some(
      buffer_.prepare(kFirstRead), asio::redirect_error(asio::use_awaitable, failure));
  buffer_.commit(got);
  idle_ = false;
  co_return failure ? Step::kClosed : Step::kGoOn;
}

Task<Connection::Step> Connection::read_header() {
  parser_.emplace();
  parser_->header_limit(
      static_cast<uint32_t>(limits_.max_target_bytes + limits_.max_all_headers_bytes));
  parser_->body_limit(limits_.max_body_bytes);
  stream_.expires_after(Micros(limits_.header_timeout));
  error_code failure;
  co_await http::async_read_header(stream_, buffer_, *parser_,
                                   asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return on_read_error(failure);
  co_return check_header();
}

Connection::Step Connection::check_header() {
  const auto& request = parser_->get();
  head_only_ = request.method() == http::verb::head;
  chunks_ = request.version() >= 11;
  keep_alive_ = request.keep_alive();
  if (request.target().size() > limits_.max_target_bytes) {
    return refuse_header(
        414, "path",
        absl::StrCat("and query are longer than ", limits_.max_target_bytes, " bytes"));
  }
  size_t total = 0;
  for (const auto& field : request) {
    const size_t size = field.name_string().size() + field.value().size();
    total += size;
    if (size > limits_.max_header_bytes || total > limits_.max_all_headers_bytes) {
      return refuse_header(431, ForMessage(View(field.name_string())),
                           absl::StrCat("a header may have ", limits_.max_header_bytes,
                                        " bytes, all together ", limits_.max_all_headers_bytes));
    }
  }
  if (chunks_ && request.count(http::field::host) != 1) {
    return refuse_header(400, "Host", "HTTP/1.1 wants it exactly once");
  }
  const auto transfer = request.find(http::field::transfer_encoding);
  if (transfer != request.end() && !beast::iequals(transfer->value(), "chunked")) {
    return refuse_header(400, "Transfer-Encoding", "can only be chunked");
  }
  const auto encoding = request.find(http::field::content_encoding);
  if (encoding != request.end() && !beast::iequals(encoding->value(), "identity")) {
    return refuse_header(415, "Content-Encoding", "bodies are taken uncompressed only");
  }
  return Step::kGoOn;
}

// Counts the body's bytes as they come: who only announces many holds nothing.
bool Connection::reserve_body() {
  const size_t more = parser_->get().body().size() - reserved_;
  if (!shared_->bodies.take(more)) return false;
  reserved_ += more;
  return true;
}

Task<Connection::Step> Connection::read_body() {
  stream_.expires_after(Micros(limits_.body_timeout));
  error_code failure;
  if (!parser_->is_done() && beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    constexpr std::string_view kGoAhead = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(kGoAhead),
                               asio::redirect_error(asio::use_awaitable, failure));
  }
  while (!failure && !parser_->is_done()) {
    co_await http::async_read_some(stream_, buffer_, *parser_,
                                   asio::redirect_error(asio::use_awaitable, failure));
    if (!failure && !reserve_body()) {
      co_return refuse(ErrorReply(Overloaded("too many large requests; try again a little later")));
    }
  }
  stream_.expires_never();
  if (failure) co_return on_read_error(failure);
  co_return Step::kGoOn;
}

// ---------------------------------------------------------------------------------- Answering

Task<bool> Connection::write(std::string head, std::string body) {
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
  stream_.expires_after(Micros(limits_.write_timeout));
  error_code failure;
  co_await asio::async_write(stream_, buffers, asio::redirect_error(asio::use_awaitable, failure));
  stream_.expires_never();
  co_return !failure;
}

Task<bool> Connection::reply(HttpReply reply) {
  end_request();
  shared_->metrics.count(reply.code);
  const Persistence then = persistence();
  std::string head = ReplyHead(reply, shared_->env.clock().now(), Framing::kLength, then);
  if (head_only_) reply.body.clear();
  const bool written = co_await write(std::move(head), std::move(reply.body));
  co_return written&& then == Persistence::kKeepAlive;
}

absl::StatusOr<server::CallContext> Connection::read_context() const {
  const auto& request = parser_->get();
  server::CallContext context;
  context.peer = peer_;
  context.trace_id = ForMessage(View(request["traceparent"]));
  const auto timeout = request.find("Request-Timeout");
  if (timeout == request.end()) return context;
  double seconds = 0;
  const auto text = View(timeout->value());
  if (!absl::SimpleAtod(ToAbsl(text), &seconds) || !(seconds > 0) || !std::isfinite(seconds)) {
    return FieldError(Reason::kInvalidField, "Request-Timeout",
                      "must be a number of seconds above 0, like 2.5");
  }
  const auto micros = static_cast<int64_t>(std::min(seconds, kLongestTimeout) * 1e6);
  context.deadline = Duration(shared_->env.clock().monotonic().value() + micros);
  return context;
}

// Gives back what the request took, before its answer goes out: a stream may last for days, and a
// client that has its answer counts on the room.
void Connection::end_request() {
  parser_.reset();
  shared_->bodies.give_back(reserved_);
  reserved_ = 0;
}

Task<bool> Connection::answer() {
  const auto& request = parser_->get();
  const std::string_view method = View(request.method_string());
  const std::string_view target = View(request.target());
  std::optional<HttpReply> local = LocalReply(*shared_, method, target);
  if (local.has_value()) co_return co_await reply(*std::move(local));
  JsonTranslation translation = shared_->translator.translate(
      {method, target, View(request[http::field::content_type]), request.body()});
  if (const auto* refusal = std::get_if<JsonRefusal>(&translation)) {
    HttpReply error = ErrorReply(refusal->status, refusal->http_code);
    if (!refusal->allowed.empty()) {
      error.headers.emplace_back("Allow", absl::StrJoin(refusal->allowed, ", "));
    }
    co_return co_await reply(std::move(error));
  }
  JsonCall& found = std::get<JsonCall>(translation);
  if (!found.method->server_streaming) co_return co_await call(std::move(found));
  co_return co_await stream(std::move(found));
}

Task<bool> Connection::call(JsonCall call) {
  absl::StatusOr<server::CallContext> context = read_context();
  if (!context.ok()) co_return co_await reply(ErrorReply(context.status()));
  parser_.reset();  // the body is in the request now
  watch(*context, Watching::kCall);
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> response =
      co_await shared_->dispatcher.call(*call.method, *std::move(context), std::move(call.request));
  end_watch();
  HttpReply out;
  absl::StatusOr<std::string> json;
  if (response.ok()) {
    json = shared_->translator.codec().print(**response);
  } else {
    json = with_deadline(response.status());
  }
  if (json.ok()) {
    out.body = *std::move(json);
  } else {
    out = ErrorReply(json.status());
  }
  co_return co_await reply(std::move(out));
}

// The messages of a stream, a line each. The headers wait for the first one, so that what fails at
// once has an HTTP code that says so.
class Connection::Lines final : public server::ResponseStream {
 public:
  explicit Lines(Connection& connection) : connection_(connection) {}

  Task<absl::Status> write(const google::protobuf::Message& response) override {
    absl::StatusOr<std::string> json = connection_.shared_->translator.codec().print(response);
    if (!json.ok()) co_return json.status();
    const bool written = co_await line(absl::StrCat("{\"result\":", *json, "}\n"));
    if (written) co_return absl::OkStatus();
    connection_.cancelled_.set();
    co_return MakeError(Reason::kCancelled, "the client has gone");
  }

  Task<bool> finish(absl::Status status) {
    HttpReply error = ErrorReply(status);
    if (!begun_ && !status.ok()) co_return co_await connection_.reply(std::move(error));
    bool written = true;
    std::string last = status.ok() ? std::string() : error.body + "\n";
    if (!begun_ || !last.empty()) written = co_await line(std::move(last));
    if (written && connection_.chunks_) (void)co_await connection_.write("0\r\n\r\n", "");
    co_return false;
  }

 private:
  Task<bool> line(std::string text) {
    std::string before = begun_ ? std::string() : head();
    begun_ = true;
    if (connection_.chunks_ && !text.empty()) {
      absl::StrAppend(&before, absl::Hex(text.size()), "\r\n");
      text += "\r\n";
    }
    const bool written = co_await connection_.write(std::move(before), std::move(text));
    co_return written;
  }

  // Closes at the end: a client that is done with a watch has no way to say so but closing.
  [[nodiscard]] std::string head() const {
    HttpReply reply;
    reply.content_type = std::string(kLinesType);
    connection_.shared_->metrics.count(reply.code);
    const Framing framing = connection_.chunks_ ? Framing::kChunked : Framing::kUntilClose;
    return ReplyHead(reply, connection_.shared_->env.clock().now(), framing, Persistence::kClose);
  }

  Connection& connection_;
  bool begun_ = false;
};

Task<bool> Connection::stream(JsonCall call) {
  absl::StatusOr<server::CallContext> context = read_context();
  if (!context.ok()) co_return co_await reply(ErrorReply(context.status()));
  if (head_only_) {
    HttpReply nothing;
    nothing.content_type = std::string(kLinesType);
    co_return co_await reply(std::move(nothing));
  }
  end_request();
  watch(*context, Watching::kStream);
  Lines lines(*this);
  absl::Status status = co_await shared_->dispatcher.stream(*call.method, *std::move(context),
                                                            std::move(call.request), lines);
  end_watch();
  status = with_deadline(std::move(status));
  keep_alive_ = false;
  co_return co_await lines.finish(std::move(status));
}

// ------------------------------------------------------------------------- While a call is on

void Connection::watch(const server::CallContext& context, Watching what) {
  ++call_;
  cancelled_ = context.cancelled;
  if (cut_) cancelled_.set();
  time_is_up_ = false;
  if (context.deadline.has_value()) {
    const int64_t left = context.deadline->value() - shared_->env.clock().monotonic().value();
    deadline_timer_.expires_after(std::chrono::microseconds(std::max<int64_t>(left, 0)));
    deadline_timer_.async_wait(
        [self = shared_from_this(), call = call_](const error_code& failure) {
          if (failure || call != self->call_) return;
          self->time_is_up_ = true;
          self->cancelled_.set();
        });
  }
  wait_readable(what);
}

void Connection::wait_readable(Watching what) {
  stream_.socket().async_wait(
      asio::socket_base::wait_read,
      asio::bind_cancellation_slot(stop_waiting_.slot(), [self = shared_from_this(), call = call_,
                                                          what](const error_code& failure) {
        self->on_readable(call, what, failure);
      }));
}

// A client that says something while it waits may be one that sends its next request early; one
// that says it in a stream, after which the connection closes, isn't worth a stream.
void Connection::on_readable(uint64_t call, Watching what, const error_code& failure) {
  if (call != call_ || failure == asio::error::operation_aborted) return;
  char byte = 0;
  error_code peeked;
  const size_t got =
      stream_.socket().receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, peeked);
  if (peeked == asio::error::would_block) return wait_readable(what);
  const bool gone = failure || peeked || got == 0;
  if (gone || what == Watching::kStream) cancelled_.set();
}

void Connection::end_watch() {
  ++call_;
  stop_waiting_.emit(asio::cancellation_type::terminal);
  deadline_timer_.cancel();
}

absl::Status Connection::with_deadline(absl::Status status) const {
  if (!time_is_up_ || status.code() != absl::StatusCode::kCancelled) return status;
  return MakeError(Reason::kDeadlineExceeded, "the Request-Timeout has passed");
}

// ---------------------------------------------------------------------------------------- All

// Closing with unread bytes would take the response away from the client (RFC 9112, section 9.6).
Task<void> Connection::close_politely() {
  error_code failure;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, failure);
  stream_.expires_after(Micros(limits_.linger_timeout));
  std::array<char, 4096> scratch;
  for (size_t left = limits_.max_body_bytes; !failure && left > scratch.size();) {
    const size_t got = co_await stream_.async_read_some(
        asio::buffer(scratch), asio::redirect_error(asio::use_awaitable, failure));
    left -= got;
  }
}

Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  for (;;) {
    Step step = co_await self->wait_for_request();
    if (step == Step::kGoOn) step = co_await self->read_header();
    if (step == Step::kGoOn) step = co_await self->read_body();
    if (step == Step::kClosed) break;
    if (step == Step::kRefused) {
      (void)co_await self->reply(std::move(self->refusal_));
      co_await self->close_politely();
      break;
    }
    const bool go_on = co_await self->answer();
    if (!go_on) break;
  }
  self->end_request();
  self->stream_.close();
  self->on_end_();
}

Task<void> Connection::RunRefusing(std::shared_ptr<Connection> self) {
  std::array<char, 4096> scratch;
  self->stream_.expires_after(Micros(self->limits_.linger_timeout));
  error_code failure;
  (void)co_await self->stream_.async_read_some(asio::buffer(scratch),
                                               asio::redirect_error(asio::use_awaitable, failure));
  if (!failure) {
    const absl::Status status = Overloaded("too many connections; try again a little later");
    (void)co_await self->reply(ErrorReply(status, 503));
    co_await self->close_politely();
  }
  self->stream_.close();
  self->on_end_();
}

}  // namespace

std::shared_ptr<HttpConnection> HttpConnection::Serve(std::shared_ptr<HttpShared> shared,
                                                      Socket socket, std::function<void()> on_end) {
  auto connection =
      std::make_shared<Connection>(std::move(shared), std::move(socket), std::move(on_end));
  Connection::Start(connection);
  return connection;
}

void HttpConnection::Refuse(std::shared_ptr<HttpShared> shared, Socket socket,
                            std::function<void()> on_end) {
  Connection::StartRefusing(
      std::make_shared<Connection>(std::move(shared), std::move(socket), std::move(on_end)));
}

}  // namespace holdfast::real
