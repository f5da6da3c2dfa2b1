#include "holdfast/real/http_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace asio = boost::asio;

// Clients that want to wait longer than a day don't want a deadline.
constexpr double kLongestTimeout = 24 * 3600;

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<HttpShared> shared, HttpStream::Socket socket,
             std::function<void()> on_end)
      : shared_(std::move(shared)),
        on_end_(std::move(on_end)),
        stream_(std::move(socket), shared_->options.limits),
        deadline_timer_(stream_.executor()) {}

  static void Start(const std::shared_ptr<Connection>& self, Task<void> task) {
    asio::co_spawn(self->stream_.executor(), std::move(task), [](std::exception_ptr failure) {
      HF_CHECK(failure == nullptr) << "an exception out of an HTTP connection";
    });
  }
  static Task<void> Run(std::shared_ptr<Connection> self);
  static Task<void> RunRefusing(std::shared_ptr<Connection> self);

  void wind_down() override {
    asio::post(stream_.executor(), [self = shared_from_this()] {
      if (self->stream_.idle()) self->stream_.close();
    });
  }

  void cut() override {
    asio::post(stream_.executor(), [self = shared_from_this()] {
      self->cut_ = true;
      self->cancelled_.set();
      self->stream_.close();
    });
  }

 private:
  enum class Watching { kCall, kStream };
  class Lines;

  // False: the connection can't go on.
  Task<bool> answer();
  Task<bool> call(JsonCall call);
  [[nodiscard]] absl::StatusOr<std::string> print(server::Response response) const;
  Task<bool> stream(JsonCall call);
  Task<bool> reply(HttpReply reply);
  [[nodiscard]] absl::StatusOr<server::CallContext> read_context() const;

  // While a call is under way: sets its `cancelled` when the client is gone or time is up.
  void watch(const server::CallContext& context, Watching what);
  void watch_deadline(Duration deadline);
  void end_watch();
  [[nodiscard]] absl::Status with_deadline(absl::Status status) const;

  [[nodiscard]] Persistence persistence() const {
    return keep_alive_ && !shared_->stopping ? Persistence::kKeepAlive : Persistence::kClose;
  }

  const std::shared_ptr<HttpShared> shared_;  // with the server and all its connections
  const std::function<void()> on_end_;
  HttpStream stream_;
  bool cut_ = false;

  // The request at hand, until its answer goes out; then only what the answer depends on.
  std::optional<HttpRequest> request_;
  bool head_only_ = false;
  bool chunks_ = false;
  bool keep_alive_ = false;

  // The call under way.
  OneShot cancelled_;
  bool time_is_up_ = false;
  uint64_t call_ = 0;  // a timer of an earlier call knows by it that it is late
  asio::steady_timer deadline_timer_;
};

// Gives back what the request took before the answer goes out: a client that has its answer counts
// on the room.
Task<bool> Connection::reply(HttpReply reply) {
  request_.reset();
  shared_->metrics.count(reply.code);
  const Persistence then = persistence();
  std::string head = ReplyHead(reply, shared_->env.clock().now(), Framing::kLength, then);
  if (head_only_) reply.body.clear();
  const bool written = co_await stream_.write(std::move(head), std::move(reply.body));
  co_return written&& then == Persistence::kKeepAlive;
}

absl::StatusOr<server::CallContext> Connection::read_context() const {
  server::CallContext context;
  context.peer = stream_.peer();
  context.trace_id = ForMessage(request_->trace);
  if (!request_->timeout.has_value()) return context;
  double seconds = 0;
  if (!absl::SimpleAtod(*request_->timeout, &seconds) || !(seconds > 0) ||
      !std::isfinite(seconds)) {
    return FieldError(Reason::kInvalidField, "Request-Timeout",
                      "must be a number of seconds above 0, like 2.5");
  }
  const auto micros = static_cast<int64_t>(std::min(seconds, kLongestTimeout) * 1e6);
  context.deadline = Duration(shared_->env.clock().monotonic().value() + micros);
  return context;
}

Task<bool> Connection::answer() {
  std::optional<HttpReply> local = LocalReply(*shared_, request_->method, request_->target);
  if (local.has_value()) co_return co_await reply(*std::move(local));
  JsonTranslation translation = shared_->translator.translate(
      {request_->method, request_->target, request_->content_type, request_->body});
  if (const auto* refusal = std::get_if<JsonRefusal>(&translation)) {
    HttpReply error = ErrorReply(refusal->status, refusal->http_code);
    if (!refusal->allowed.empty()) {
      error.headers.emplace_back("Allow", absl::StrJoin(refusal->allowed, ", "));
    }
    co_return co_await reply(std::move(error));
  }
  request_->body = std::string();  // it is in the message now, and still counted
  JsonCall& found = std::get<JsonCall>(translation);
  if (!found.method->server_streaming) co_return co_await call(std::move(found));
  co_return co_await stream(std::move(found));
}

absl::StatusOr<std::string> Connection::print(server::Response response) const {
  HF_ASSIGN_OR_RETURN(const std::unique_ptr<google::protobuf::Message> whole,
                      std::move(response).merged());
  return shared_->translator.codec().print(*whole);
}

Task<bool> Connection::call(JsonCall call) {
  absl::StatusOr<server::CallContext> context = read_context();
  if (!context.ok()) co_return co_await reply(ErrorReply(context.status()));
  watch(*context, Watching::kCall);
  absl::StatusOr<server::Response> response =
      co_await shared_->dispatcher.call(*call.method, *std::move(context), std::move(call.request));
  end_watch();
  absl::StatusOr<std::string> json;
  if (response.ok()) {
    json = print(*std::move(response));
  } else {
    json = with_deadline(response.status());
  }
  HttpReply out;
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

  Task<void> finish(absl::Status status) {
    if (!begun_ && !status.ok()) {
      (void)co_await connection_.reply(ErrorReply(status));
      co_return;
    }
    bool written = true;
    std::string last = status.ok() ? std::string() : ErrorJson(status) + "\n";
    if (!begun_ || !last.empty()) written = co_await line(std::move(last));
    if (written && connection_.chunks_) {
      (void)co_await connection_.stream_.write("0\r\n\r\n", "");
    }
  }

 private:
  Task<bool> line(std::string text) {
    std::string before = begun_ ? std::string() : head();
    begun_ = true;
    if (connection_.chunks_ && !text.empty()) {
      absl::StrAppend(&before, absl::Hex(text.size()), "\r\n");
      text += "\r\n";
    }
    const bool written = co_await connection_.stream_.write(std::move(before), std::move(text));
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
  request_.reset();  // a stream may last for days
  keep_alive_ = false;
  watch(*context, Watching::kStream);
  Lines lines(*this);
  absl::Status status = co_await shared_->dispatcher.stream(*call.method, *std::move(context),
                                                            std::move(call.request), lines);
  end_watch();
  co_await lines.finish(with_deadline(std::move(status)));
  co_return false;
}

// ------------------------------------------------------------------------- While a call is on

// A client that says something while it waits may be one that sends its next request early; one
// that says it in a stream, after which the connection closes, isn't worth a stream.
void Connection::watch(const server::CallContext& context, Watching what) {
  ++call_;
  cancelled_ = context.cancelled;
  time_is_up_ = false;
  if (cut_) cancelled_.set();
  if (context.deadline.has_value()) watch_deadline(*context.deadline);
  stream_.watch([cancelled = cancelled_, what](HttpStream::Peer peer) mutable {
    if (peer == HttpStream::Peer::kGone || what == Watching::kStream) cancelled.set();
  });
}

void Connection::watch_deadline(Duration deadline) {
  const int64_t left = deadline.value() - shared_->env.clock().monotonic().value();
  deadline_timer_.expires_after(std::chrono::microseconds(std::max<int64_t>(left, 0)));
  deadline_timer_.async_wait(
      [self = shared_from_this(), call = call_](const boost::system::error_code& failure) {
        if (failure || call != self->call_) return;
        self->time_is_up_ = true;
        self->cancelled_.set();
      });
}

void Connection::end_watch() {
  ++call_;
  stream_.stop_watching();
  deadline_timer_.cancel();
}

absl::Status Connection::with_deadline(absl::Status status) const {
  if (!time_is_up_ || status.code() != absl::StatusCode::kCancelled) return status;
  return MakeError(Reason::kDeadlineExceeded, "the Request-Timeout has passed");
}

// ---------------------------------------------------------------------------------------- All

Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  for (;;) {
    if (self->shared_->stopping && !self->stream_.has_input()) break;
    HttpReply refusal;
    HttpRequest& request = self->request_.emplace(self->shared_->bodies);
    const HttpStream::Read read = co_await self->stream_.read(request, refusal);
    if (read == HttpStream::Read::kClosed) break;
    self->head_only_ = request.head_only();
    self->chunks_ = request.chunks;
    self->keep_alive_ = request.keep_alive;
    if (read == HttpStream::Read::kRefused) {
      (void)co_await self->reply(std::move(refusal));
      co_await self->stream_.linger();
      break;
    }
    const bool go_on = co_await self->answer();
    if (!go_on) break;
  }
  self->request_.reset();
  self->stream_.close();
  self->on_end_();
}

Task<void> Connection::RunRefusing(std::shared_ptr<Connection> self) {
  const bool came = co_await self->stream_.wait_for_input();
  if (came) {
    const absl::Status status = Overloaded("too many connections; try again a little later");
    (void)co_await self->reply(ErrorReply(status, 503));
    co_await self->stream_.linger();
  }
  self->stream_.close();
  self->on_end_();
}

}  // namespace

std::shared_ptr<HttpConnection> HttpConnection::Serve(std::shared_ptr<HttpShared> shared,
                                                      HttpStream::Socket socket,
                                                      std::function<void()> on_end) {
  auto connection =
      std::make_shared<Connection>(std::move(shared), std::move(socket), std::move(on_end));
  Connection::Start(connection, Connection::Run(connection));
  return connection;
}

void HttpConnection::Refuse(std::shared_ptr<HttpShared> shared, HttpStream::Socket socket,
                            std::function<void()> on_end) {
  auto connection =
      std::make_shared<Connection>(std::move(shared), std::move(socket), std::move(on_end));
  Connection::Start(connection, Connection::RunRefusing(connection));
}

}  // namespace holdfast::real
