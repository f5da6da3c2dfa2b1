#include "holdfast/server/dispatcher.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/mutex.h"
#include "holdfast/server/check_values.h"
#include "holdfast/server/handler.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

// gRPC's codes are 0 to 16.
constexpr size_t kCodes = 17;

struct Entry final : MethodInfo {
  const schema::Schema* schema = nullptr;
  std::unique_ptr<Handler> handler;
  std::array<Counter*, kCodes> calls = {};
  Histogram* duration = nullptr;
};

std::unique_ptr<Handler> MakeHandler(Host host, const schema::Method& method) {
  switch (method.verb) {
    case schema::Verb::kGet:
      return MakeGetHandler(host, method);
    case schema::Verb::kBatchGet:
      return MakeBatchGetHandler(host, method);
    case schema::Verb::kList:
      return MakeListHandler(host, method);
    case schema::Verb::kCreate:
    case schema::Verb::kUpdate:
    case schema::Verb::kDelete:
      return MakeWriteHandler(host, method);
    case schema::Verb::kTransact:
      return MakeTransactHandler(host, method);
    case schema::Verb::kExplainDelete:
      return MakeExplainDeleteHandler(host, method);
    case schema::Verb::kListReferrers:
      return MakeListReferrersHandler(host, method);
    case schema::Verb::kWatch:
    case schema::Verb::kWatchCollection:
      return MakeWatchHandler(host, method);
  }
  HF_CHECK(false) << "a verb without a handler";
  return nullptr;
}

// Counts what is under way, and says no when it is too much or the end has come. Thread-safe.
class Gate {
 public:
  Gate(const DispatcherOptions& options, Metrics& metrics)
      : max_calls_(options.max_requests_in_flight),
        max_streams_(options.max_streams),
        calls_gauge_(metrics.add_gauge("holdfast_requests_in_flight", "Unary calls under way.")),
        streams_gauge_(metrics.add_gauge("holdfast_streams", "Streams that are open.")),
        shed_(metrics.add_counter("holdfast_requests_shed_total",
                                  "Calls refused because of too many at once.")) {}

  absl::Status enter_call() {
    const MutexLock lock(mutex_);
    if (draining_) return ShuttingDown();
    if (calls_ >= max_calls_) return shed("requests are under way");
    calls_gauge_.set(static_cast<int64_t>(++calls_));
    return absl::OkStatus();
  }
  void leave_call() {
    const MutexLock lock(mutex_);
    calls_gauge_.set(static_cast<int64_t>(--calls_));
    changed_.notify();
  }

  // `cancelled` is set when the end has come.
  absl::StatusOr<uint64_t> enter_stream(const OneShot& cancelled) {
    const MutexLock lock(mutex_);
    if (draining_) return ShuttingDown();
    if (streams_.size() >= max_streams_) return shed("streams are open");
    streams_.emplace(++last_stream_, cancelled);
    streams_gauge_.set(static_cast<int64_t>(streams_.size()));
    return last_stream_;
  }
  void leave_stream(uint64_t id) {
    const MutexLock lock(mutex_);
    streams_.erase(id);
    streams_gauge_.set(static_cast<int64_t>(streams_.size()));
    changed_.notify();
  }

  [[nodiscard]] bool draining() const {
    const MutexLock lock(mutex_);
    return draining_;
  }

  Task<void> drain() {
    close();
    for (;;) {
      const uint64_t seen = changed_.generation();
      if (empty()) co_return;
      co_await changed_.wait(seen);
    }
  }

  static absl::Status ShuttingDown() {
    return MakeError(Reason::kShuttingDown, "this server is shutting down; try another, or again",
                     {.retry_after = kRetryAfterOverload});
  }

 private:
  absl::Status shed(std::string_view what) {
    shed_.add();
    return MakeError(Reason::kOverloaded,
                     absl::StrCat("too many ", absl::string_view(what.data(), what.size()),
                                  "; try again a little later"),
                     {.retry_after = kRetryAfterOverload});
  }
  void close() {
    const MutexLock lock(mutex_);
    draining_ = true;
    for (auto& [id, cancelled] : streams_) cancelled.set();
  }
  [[nodiscard]] bool empty() const {
    const MutexLock lock(mutex_);
    return calls_ == 0 && streams_.empty();
  }

  const size_t max_calls_;
  const size_t max_streams_;
  Gauge& calls_gauge_;
  Gauge& streams_gauge_;
  Counter& shed_;
  mutable Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_stream_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, OneShot> streams_ ABSL_GUARDED_BY(mutex_);
  Signal changed_;
};

// Ends a stream at its deadline. Looks now and then whether it has ended before, so that little is
// left of short streams with deadlines far off.
Task<void> CancelAt(Env& env, Duration deadline, OneShot cancelled) {
  constexpr Duration kLongestNap = Seconds(10);
  while (!cancelled.is_set()) {
    const int64_t left = deadline.value() - env.clock().monotonic().value();
    if (left <= 0) {
      cancelled.set();
      co_return;
    }
    co_await env.sleep(Duration(std::min(left, kLongestNap.value())));
  }
}

class DispatcherImpl final : public Dispatcher {
 public:
  DispatcherImpl(Env& env, std::vector<Deployment> deployments, DispatcherOptions options)
      : env_(env),
        options_(std::move(options)),
        deployments_(std::move(deployments)),
        gate_(options_, metrics_) {
    std::vector<Host> hosts;
    for (const Deployment& deployment : deployments_) {
      hosts.push_back(Host{env_, deployment, options_, watch_counter(deployment)});
      for (const schema::Method* method : deployment.service->methods) add(hosts.back(), *method);
    }
    if (!hosts.empty()) {
      add_fixed(hosts, MakeMixinMethods(hosts));
      add_fixed(hosts, MakeAdminMethods(hosts));
    }
    for (const auto& [name, entry] : entries_) methods_.push_back(entry.get());
  }

  const MethodInfo* find(std::string_view full_name) const override {
    const auto found = entries_.find(full_name);
    return found == entries_.end() ? nullptr : found->second.get();
  }

  const std::vector<const MethodInfo*>& methods() const override { return methods_; }

  MessagePtr new_request(const MethodInfo& method) const override {
    return static_cast<const Entry&>(method).schema->new_message(method.request);
  }

  Metrics& metrics() override { return metrics_; }

  Task<absl::StatusOr<Response>> call(const MethodInfo& method, CallContext context,
                                      MessagePtr request) override {
    const auto& entry = static_cast<const Entry&>(method);
    CallRecord record = begin(entry, context);
    if (absl::Status status = gate_.enter_call(); !status.ok()) {
      finish(entry, std::move(record), status);
      co_return status;
    }
    absl::StatusOr<Response> response = absl::UnknownError("not asked yet");
    if (absl::Status bad = check(context, *request); bad.ok()) {
      response = co_await entry.handler->call(context, std::move(request));
    } else {
      response = std::move(bad);
    }
    finish(entry, std::move(record), response.status());
    gate_.leave_call();
    co_return response;
  }

  Task<absl::Status> stream(const MethodInfo& method, CallContext context, MessagePtr request,
                            ResponseStream& responses) override {
    const auto& entry = static_cast<const Entry&>(method);
    CallRecord record = begin(entry, context);
    const absl::StatusOr<uint64_t> id = gate_.enter_stream(context.cancelled);
    absl::Status status = id.status();
    if (id.ok()) status = check(context, *request);
    if (status.ok()) {
      if (context.deadline.has_value()) {
        Spawn(env_, CancelAt(env_, *context.deadline, context.cancelled));
      }
      status = co_await entry.handler->stream(context, std::move(request), responses);
    }
    const bool late = is_late(context) && ReasonOf(status) == Reason::kCancelled;
    if (late) status = MakeError(Reason::kDeadlineExceeded, "the stream's deadline has come");
    // Whoever waits for the end of this call may go.
    context.cancelled.set();
    const bool cut = gate_.draining() && ReasonOf(status) == Reason::kCancelled;
    if (cut) status = Gate::ShuttingDown();
    finish(entry, std::move(record), status);
    if (id.ok()) gate_.leave_stream(*id);
    co_return status;
  }

  Task<void> drain() override { return gate_.drain(); }

 private:
  Counter& watch_counter(const Deployment& deployment) {
    return metrics_.add_counter("holdfast_watch_changes_total", "Changes sent to watchers.",
                                {{"service", deployment.service->domain.str()}});
  }

  void add(const Host& host, const schema::Method& method) {
    auto entry = std::make_unique<Entry>();
    entry->full_name = method.full_name;
    entry->request = method.request;
    entry->response = method.response;
    entry->server_streaming = method.server_streaming;
    entry->http = method.http;
    entry->schema = host.deployment.schema;
    entry->handler = MakeHandler(host, method);
    add(std::move(entry));
  }

  void add_fixed(const std::vector<Host>& hosts, std::vector<FixedMethod> methods) {
    for (FixedMethod& method : methods) {
      auto entry = std::make_unique<Entry>();
      entry->full_name = absl::StrCat("/", method.descriptor->service()->full_name(), "/",
                                      method.descriptor->name());
      entry->request = method.descriptor->input_type();
      entry->response = method.descriptor->output_type();
      entry->server_streaming = method.descriptor->server_streaming();
      entry->http = std::move(method.http);
      entry->schema = hosts.front().deployment.schema;
      entry->handler = std::move(method.handler);
      add(std::move(entry));
    }
  }

  void add(std::unique_ptr<Entry> entry) {
    const Labels labels = {{"method", entry->full_name}};
    entry->duration = &metrics_.add_histogram("holdfast_request_seconds",
                                              "How long calls took, streams to their end.", labels);
    for (size_t code = 0; code < kCodes; ++code) {
      const auto name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
      entry->calls[code] =
          &metrics_.add_counter("holdfast_requests_total", "Calls by method and outcome.",
                                {{"method", entry->full_name}, {"code", name}});
    }
    const std::string name = entry->full_name;
    const bool added = entries_.emplace(name, std::move(entry)).second;
    HF_CHECK(added) << "two deployments serve " << name;
  }

  CallRecord begin(const Entry& entry, const CallContext& context) {
    return {&entry, context.peer, context.trace_id, absl::OkStatus(), env_.clock().monotonic()};
  }

  [[nodiscard]] bool is_late(const CallContext& context) {
    return context.deadline.has_value() && env_.clock().monotonic() >= *context.deadline;
  }

  absl::Status check(const CallContext& context, const pb::Message& request) {
    if (is_late(context)) {
      return MakeError(Reason::kDeadlineExceeded, "the deadline had passed before the work began");
    }
    return CheckValues(request);
  }

  void finish(const Entry& entry, CallRecord record, const absl::Status& status) {
    record.took = Duration(env_.clock().monotonic().value() - record.took.value());
    record.status = status;
    const auto code = static_cast<size_t>(status.raw_code());
    entry.calls[code < kCodes ? code : static_cast<size_t>(absl::StatusCode::kUnknown)]->add();
    entry.duration->observe(record.took);
    if (options_.on_call) options_.on_call(record);
  }

  Env& env_;
  const DispatcherOptions options_;
  const std::vector<Deployment> deployments_;
  Metrics metrics_;
  Gate gate_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  std::vector<const MethodInfo*> methods_;
};

}  // namespace

absl::StatusOr<MessagePtr> Response::merged() && {
  if (!rest.empty() && !message->MergeFromString(rest)) {
    return MakeError(Reason::kInternal, "what is stored can't be read");
  }
  return std::move(message);
}

std::unique_ptr<Dispatcher> BuildDispatcher(Env& env, std::vector<Deployment> deployments,
                                            DispatcherOptions options) {
  return std::make_unique<DispatcherImpl>(env, std::move(deployments), std::move(options));
}

}  // namespace holdfast::server
