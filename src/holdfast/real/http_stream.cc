#include "holdfast/real/http_stream.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Fields = http::request_header<>;

// The first read of a request: most fit, and an idle connection keeps no more than this.
constexpr size_t kFirstRead = 1024;

std::chrono::microseconds Micros(Duration d) { return std::chrono::microseconds(d.value()); }

std::string_view View(beast::string_view s) { return {s.data(), s.size()}; }

std::string PeerText(const HttpStream::Socket& socket) {
  error_code failure;
  const auto peer = socket.remote_endpoint(failure);
  if (failure) return "unknown";
  const std::string host = peer.address().to_string();
  return peer.address().is_v6() ? absl::StrCat("[", host, "]:", peer.port())
                                : absl::StrCat(host, ":", peer.port());
}

HttpReply Refusal(int code, std::string_view field, std::string_view problem) {
  return ErrorReply(FieldError(Reason::kMalformedRequest, field, problem), code);
}

// What is wrong with headers that could be read.
std::optional<HttpReply> CheckSizes(const Fields& fields, const HttpLimits& limits) {
  if (fields.target().size() > limits.max_target_bytes) {
    return Refusal(414, "path",
                   absl::StrCat("and query are longer than ", limits.max_target_bytes, " bytes"));
  }
  size_t total = 0;
  for (const auto& field : fields) {
    const size_t size = field.name_string().size() + field.value().size();
    total += size;
    if (size > limits.max_header_bytes || total > limits.max_all_headers_bytes) {
      return Refusal(431, ForMessage(View(field.name_string())),
                     absl::StrCat("a header may have ", limits.max_header_bytes,
                                  " bytes, all together ", limits.max_all_headers_bytes));
    }
  }
  return std::nullopt;
}

std::optional<HttpReply> CheckHeaders(const Fields& fields, const HttpLimits& limits) {
  std::optional<HttpReply> too_large = CheckSizes(fields, limits);
  if (too_large.has_value()) return too_large;
  if (fields.version() >= 11 && fields.count(http::field::host) != 1) {
    return Refusal(400, "Host", "HTTP/1.1 wants it exactly once");
  }
  const auto transfer = fields.find(http::field::transfer_encoding);
  if (transfer != fields.end() && !beast::iequals(transfer->value(), "chunked")) {
    return Refusal(400, "Transfer-Encoding", "can only be chunked");
  }
  const auto encoding = fields.find(http::field::content_encoding);
  if (encoding != fields.end() && !beast::iequals(encoding->value(), "identity")) {
    return Refusal(415, "Content-Encoding", "bodies are taken uncompressed only");
  }
  return std::nullopt;
}

// nullopt: nothing that the client should or could be told.
std::optional<HttpReply> RefusalFor(const error_code& failure, const HttpLimits& limits) {
  if (failure == http::error::body_limit) {
    return Refusal(413, "body", absl::StrCat("is larger than ", limits.max_body_bytes, " bytes"));
  }
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
    return Refusal(431, "headers", "are too large, or the path is");
  }
  const bool malformed =
      failure.category() == http::make_error_code(http::error::bad_target).category() &&
      failure != http::error::end_of_stream && failure != http::error::partial_message;
  if (!malformed) return std::nullopt;
  return Refusal(400, "request", absl::StrCat("isn't HTTP/1.1: ", failure.message()));
}

}  // namespace

class HttpStream::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Socket socket, const HttpLimits& limits)
      : limits_(limits), peer_(PeerText(socket)), stream_(std::move(socket)) {
    error_code ignored;  // the peer may have gone already: the first read will tell
    stream_.socket().non_blocking(true, ignored);
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    // Finds clients that have gone without a word.
    stream_.socket().set_option(asio::socket_base::keep_alive(true), ignored);
  }

  [[nodiscard]] Executor executor() { return stream_.get_executor(); }
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] bool idle() const { return idle_; }
  [[nodiscard]] bool has_input() const { return buffer_.size() > 0; }
  void close() { stream_.close(); }

  Task<Read> read(HttpRequest& request, HttpReply& refusal) {
    const bool begun = co_await wait_for_request();
    if (!begun) co_return Read::kClosed;
    Read read = co_await read_header(request, refusal);
    if (read == Read::kRequest) read = co_await read_body(request, refusal);
    if (read != Read::kRequest) request.keep_alive = false;
    parser_.reset();
    co_return read;
  }

  Task<bool> wait_for_input() {
    stream_.expires_after(Micros(limits_.linger_timeout));
    const bool came = co_await fill_buffer();
    co_return came;
  }

  Task<bool> write(std::string head, std::string body) {
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    stream_.expires_after(Micros(limits_.write_timeout));
    error_code failure;
    co_await asio::async_write(stream_, buffers,
                               asio::redirect_error(asio::use_awaitable, failure));
    stream_.expires_never();
    co_return !failure;
  }

  void watch(std::function<void(Peer)> f) {
    on_peer_ = std::move(f);
    wait_readable(++watch_);
  }

  void stop_watching() {
    ++watch_;
    on_peer_ = nullptr;
    stop_waiting_.emit(asio::cancellation_type::terminal);
  }

  // Closing with unread bytes would take the answer away from the client (RFC 9112, section 9.6).
  Task<void> linger() {
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

 private:
  Task<bool> fill_buffer() {
    error_code failure;
    const size_t got = co_await stream_.async_read_some(
        buffer_.prepare(kFirstRead), asio::redirect_error(asio::use_awaitable, failure));
    buffer_.commit(got);
    co_return !failure;
  }

  Task<bool> wait_for_request() {
    if (has_input()) co_return true;
    buffer_.shrink_to_fit();
    idle_ = true;
    stream_.expires_after(Micros(limits_.idle_timeout));
    const bool came = co_await fill_buffer();
    idle_ = false;
    co_return came;
  }

  Task<Read> read_header(HttpRequest& request, HttpReply& refusal) {
    parser_.emplace();
    parser_->header_limit(
        static_cast<uint32_t>(limits_.max_target_bytes + limits_.max_all_headers_bytes));
    parser_->body_limit(limits_.max_body_bytes);
    stream_.expires_after(Micros(limits_.header_timeout));
    error_code failure;
    co_await http::async_read_header(stream_, buffer_, *parser_,
                                     asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return refuse(RefusalFor(failure, limits_), refusal);
    take_header(request);
    std::optional<HttpReply> wrong = CheckHeaders(parser_->get(), limits_);
    if (wrong.has_value()) co_return refuse(std::move(wrong), refusal);
    co_return Read::kRequest;
  }

  void take_header(HttpRequest& request) const {
    const auto& message = parser_->get();
    request.method = std::string(View(message.method_string()));
    request.target = std::string(View(message.target()));
    request.content_type = std::string(View(message[http::field::content_type]));
    request.trace = std::string(View(message["traceparent"]));
    const auto timeout = message.find("Request-Timeout");
    if (timeout != message.end()) request.timeout = std::string(View(timeout->value()));
    request.chunks = message.version() >= 11;
    request.keep_alive = message.keep_alive();
  }

  Task<Read> read_body(HttpRequest& request, HttpReply& refusal) {
    stream_.expires_after(Micros(limits_.body_timeout));
    error_code failure;
    const bool waits = beast::iequals(parser_->get()[http::field::expect], "100-continue");
    if (waits && !parser_->is_done()) {
      constexpr std::string_view kGoAhead = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(kGoAhead),
                                 asio::redirect_error(asio::use_awaitable, failure));
    }
    while (!failure && !parser_->is_done()) {
      co_await http::async_read_some(stream_, buffer_, *parser_,
                                     asio::redirect_error(asio::use_awaitable, failure));
      // Counted as it comes: who only announces much holds nothing.
      if (!failure && !request.held.grow_to(parser_->get().body().size())) {
        co_return refuse(
            ErrorReply(Overloaded("too many large requests; try again a little later")), refusal);
      }
    }
    stream_.expires_never();
    if (failure) co_return refuse(RefusalFor(failure, limits_), refusal);
    request.body = std::move(parser_->get().body());
    co_return Read::kRequest;
  }

  static Read refuse(std::optional<HttpReply> why, HttpReply& refusal) {
    if (!why.has_value()) return Read::kClosed;
    refusal = *std::move(why);
    return Read::kRefused;
  }

  void wait_readable(uint64_t watch) {
    stream_.socket().async_wait(
        asio::socket_base::wait_read,
        asio::bind_cancellation_slot(stop_waiting_.slot(),
                                     [self = shared_from_this(), watch](const error_code& failure) {
                                       self->on_readable(watch, failure);
                                     }));
  }

  void on_readable(uint64_t watch, const error_code& failure) {
    if (watch != watch_ || failure == asio::error::operation_aborted) return;
    char byte = 0;
    error_code peeked;
    const size_t got =
        stream_.socket().receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, peeked);
    if (peeked == asio::error::would_block) return wait_readable(watch);
    on_peer_(failure || peeked || got == 0 ? Peer::kGone : Peer::kTalks);
  }

  const HttpLimits& limits_;
  const std::string peer_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool idle_ = false;

  uint64_t watch_ = 0;  // handlers of earlier watches know by it that they are late
  std::function<void(Peer)> on_peer_;
  asio::cancellation_signal stop_waiting_;
};

HttpStream::HttpStream(Socket socket, const HttpLimits& limits)
    : impl_(std::make_shared<Impl>(std::move(socket), limits)) {}
HttpStream::~HttpStream() = default;

Executor HttpStream::executor() { return impl_->executor(); }
const std::string& HttpStream::peer() const { return impl_->peer(); }
Task<HttpStream::Read> HttpStream::read(HttpRequest& request, HttpReply& refusal) {
  return impl_->read(request, refusal);
}
bool HttpStream::idle() const { return impl_->idle(); }
bool HttpStream::has_input() const { return impl_->has_input(); }
Task<bool> HttpStream::wait_for_input() { return impl_->wait_for_input(); }
Task<bool> HttpStream::write(std::string head, std::string body) {
  return impl_->write(std::move(head), std::move(body));
}
void HttpStream::watch(std::function<void(Peer)> f) { impl_->watch(std::move(f)); }
void HttpStream::stop_watching() { impl_->stop_watching(); }
void HttpStream::close() { impl_->close(); }
Task<void> HttpStream::linger() { return impl_->linger(); }

}  // namespace holdfast::real
