#include "holdfast/real/http_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/mutex.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/http_connection.h"
#include "holdfast/real/http_shared.h"

namespace holdfast::real {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// When accepting fails (no file descriptors left), it will fail again for a while.
constexpr Duration kAcceptPause = Milliseconds(100);
// Connections beyond the limit that are told so at one time; what is beyond this is closed.
constexpr size_t kMaxRefusing = 64;

// "host:port" as the first address that it means, IPv4 if there is one: what "localhost" in a URL
// finds anyway.
absl::StatusOr<tcp::endpoint> Resolve(const Executor& executor, const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (colon == std::string::npos || host.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("not host:port: ", ForMessage(address)));
  }
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  error_code failure;
  tcp::resolver resolver(executor);
  const auto found =
      resolver.resolve(host, address.substr(colon + 1), tcp::resolver::passive, failure);
  if (failure || found.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("can't listen on ", ForMessage(address), ": ", failure.message()));
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

// The accepting coroutine and the connections keep it alive: they may outlive the server when the
// env goes first.
class Core : public std::enable_shared_from_this<Core> {
  enum class Fate { kServe, kRefuse, kClose };

 public:
  Core(Env& env, server::Dispatcher& dispatcher, HttpOptions options)
      : env_(env),
        shared_(std::make_shared<HttpShared>(env, dispatcher, std::move(options))),
        strand_(asio::make_strand(env.executor())),
        acceptor_(strand_) {}

  absl::Status listen() {
    const absl::StatusOr<tcp::endpoint> endpoint = Resolve(strand_, shared_->options.address);
    if (!endpoint.ok()) return endpoint.status();
    error_code failure;
    const auto step = [&failure](auto&& f) {
      if (!failure) f();
    };
    step([&] { acceptor_.open(endpoint->protocol(), failure); });
    step([&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), failure); });
    step([&] { acceptor_.bind(*endpoint, failure); });
    step([&] { acceptor_.listen(asio::socket_base::max_listen_connections, failure); });
    if (failure) {
      return absl::UnavailableError(
          absl::StrCat("can't listen on ", shared_->options.address, ": ", failure.message()));
    }
    const std::string& given = shared_->options.address;
    address_ =
        absl::StrCat(given.substr(0, given.rfind(':')), ":", acceptor_.local_endpoint().port());
    return absl::OkStatus();
  }

  void start() {
    asio::co_spawn(strand_, Accept(shared_from_this()), [](std::exception_ptr failure) {
      HF_CHECK(failure == nullptr) << "an exception out of accepting connections";
    });
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const std::vector<std::string>& conflicts() const {
    return shared_->translator.routes().conflicts();
  }

  // A parameter: the server may go while the last part of this still runs.
  static Task<void> Stop(std::shared_ptr<Core> self, Duration at_most) {
    const int64_t end = self->env_.clock().monotonic().value() + at_most.value();
    self->shared_->stopping = true;
    asio::post(self->strand_, [self] { self->stop_listening(); });
    for (bool cutting = false;;) {
      const uint64_t seen = self->changed_.generation();
      if (self->quiet()) co_return;
      const int64_t left = end - self->env_.clock().monotonic().value();
      if (left <= 0) cutting = true;
      self->tell(cutting);
      if (cutting) {
        co_await self->changed_.wait(seen);
      } else {
        (void)co_await self->changed_.wait_for(self->env_, seen, Duration(left));
      }
    }
  }

 private:
  static Task<void> Accept(std::shared_ptr<Core> self) {
    while (!self->shared_->stopping) {
      error_code failure;
      const Executor executor = asio::make_strand(self->env_.executor());
      tcp::socket socket = co_await self->acceptor_.async_accept(
          executor, asio::redirect_error(asio::use_awaitable, failure));
      if (!failure) {
        self->take(std::move(socket));
      } else if (!self->shared_->stopping) {
        co_await self->env_.sleep(kAcceptPause);
      }
    }
    self->stop_listening();  // it may be here before it is told
    const MutexLock lock(self->mutex_);
    self->accepting_ = false;
    self->changed_.notify();
  }

  void stop_listening() {
    error_code ignored;
    acceptor_.close(ignored);
  }

  void take(tcp::socket socket) {
    const uint64_t id = ++last_id_;
    const auto on_end = [self = shared_from_this(), id] { self->forget(id); };
    switch (admit(id)) {
      case Fate::kServe:
        enlist(id, HttpConnection::Serve(shared_, std::move(socket), on_end));
        return;
      case Fate::kRefuse:
        HttpConnection::Refuse(shared_, std::move(socket), on_end);
        return;
      case Fate::kClose:
        return;
    }
  }

  // Before the connection starts, as it may end at once.
  Fate admit(uint64_t id) {
    const MutexLock lock(mutex_);
    if (connections_.size() < shared_->options.limits.max_connections) {
      connections_.try_emplace(id);
      shared_->metrics.connections.set(static_cast<int64_t>(connections_.size()));
      return Fate::kServe;
    }
    shared_->metrics.refused_connections.add();
    if (refusing_.size() >= kMaxRefusing) return Fate::kClose;
    refusing_.insert(id);
    return Fate::kRefuse;
  }

  void enlist(uint64_t id, const std::shared_ptr<HttpConnection>& connection) {
    const MutexLock lock(mutex_);
    const auto found = connections_.find(id);
    if (found != connections_.end()) found->second = connection;
  }

  void forget(uint64_t id) {
    const MutexLock lock(mutex_);
    connections_.erase(id);
    refusing_.erase(id);
    shared_->metrics.connections.set(static_cast<int64_t>(connections_.size()));
    changed_.notify();
  }

  [[nodiscard]] bool quiet() const {
    const MutexLock lock(mutex_);
    return !accepting_ && connections_.empty() && refusing_.empty();
  }

  void tell(bool cutting) {
    const MutexLock lock(mutex_);
    for (const auto& [id, entry] : connections_) {
      const std::shared_ptr<HttpConnection> connection = entry.lock();
      if (connection == nullptr) continue;
      cutting ? connection->cut() : connection->wind_down();
    }
  }

  Env& env_;
  const std::shared_ptr<HttpShared> shared_;  // with the connections
  const Executor strand_;
  tcp::acceptor acceptor_;
  std::string address_;
  uint64_t last_id_ = 0;  // on the strand only

  mutable Mutex mutex_;
  bool accepting_ ABSL_GUARDED_BY(mutex_) = true;
  // Their coroutines own them.
  std::map<uint64_t, std::weak_ptr<HttpConnection>> connections_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> refusing_ ABSL_GUARDED_BY(mutex_);
  Signal changed_;
};

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  const std::string& address() const override { return core_->address(); }
  const std::vector<std::string>& conflicts() const override { return core_->conflicts(); }
  Task<void> stop(Duration at_most) override { return Core::Stop(core_, at_most); }

 private:
  const std::shared_ptr<Core> core_;  // with what runs on the env
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Env& env,
                                                              server::Dispatcher& dispatcher,
                                                              HttpOptions options) {
  auto core = std::make_shared<Core>(env, dispatcher, std::move(options));
  if (absl::Status status = core->listen(); !status.ok()) return status;
  core->start();
  return std::make_unique<HttpServerImpl>(std::move(core));
}

}  // namespace holdfast::real
