#include "holdfast/real/grpc_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/reflection.h"
#include "holdfast/server/wire.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;
using server::CallContext;
using server::MethodInfo;

// What gRPC's transports may hold for all connections together.
constexpr size_t kTransportBytes = 256 << 20;
constexpr int kMaxTransportThreads = 64;

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The details carry code and message too, in their final form.
  const absl::Status sent = FromRpcStatus(ToRpcStatus(status));
  return {static_cast<grpc::StatusCode>(sent.code()), std::string(ToStd(sent.message())),
          ToRpcStatus(status)};
}

bool Parse(grpc::ByteBuffer& bytes, pb::Message& message) {
  grpc::ProtoBufferReader reader(&bytes);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

std::string ToString(grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return "";
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

bool Serialize(const pb::Message& message, grpc::ByteBuffer& bytes) {
  constexpr int kBlock = 64 * 1024;
  grpc::ProtoBufferWriter writer(&bytes, kBlock, static_cast<int>(message.ByteSizeLong()));
  return message.SerializePartialToZeroCopyStream(&writer);
}

bool Serialize(const server::Response& response, grpc::ByteBuffer& bytes) {
  if (response.rest.empty()) return Serialize(*response.message, bytes);
  const std::array<grpc::Slice, 2> parts = {response.message->SerializePartialAsString(),
                                            grpc::Slice(response.rest)};
  bytes = grpc::ByteBuffer(parts.data(), parts.size());
  return true;
}

struct Shared {
  Env& env;
  server::Dispatcher& dispatcher;
  Reflection reflection;
  Admission admission;
};

// One call of a derived method. gRPC's reactions come on its threads, the work runs on the env's
// executor. Shared by gRPC (until OnDone) and the coroutine.
class Call final : public grpc::ServerGenericBidiReactor,
                   public server::ResponseStream,
                   public std::enable_shared_from_this<Call> {
 public:
  // The reactor for gRPC; keeps itself.
  static grpc::ServerGenericBidiReactor* Start(Shared& shared, const MethodInfo& method,
                                               CallContext context) {
    auto call = std::make_shared<Call>(shared, method, std::move(context));
    call->self_ = call;
    call->StartRead(&call->in_);
    return call.get();
  }

  Call(Shared& shared, const MethodInfo& method, CallContext context)
      : shared_(shared), method_(method), context_(std::move(context)) {}

  void OnReadDone(bool ok) override {
    if (!ok) {
      return Finish(
          ToGrpc(MakeError(Reason::kMalformedRequest, "the call came without a request")));
    }
    ticket_ = shared_.admission.enter(in_.Length());
    if (ticket_ == nullptr) {
      in_.Clear();
      return Finish(ToGrpc(MakeError(Reason::kOverloaded,
                                     "too much is under way here; try again a little later",
                                     {.retry_after = server::kRetryAfterOverload})));
    }
    Spawn(shared_.env, Run(shared_from_this()));
  }

  void OnCancel() override { context_.cancelled.set(); }

  void OnWriteDone(bool ok) override {
    write_ok_ = ok;
    written_.set();
  }

  void OnDone() override {
    context_.cancelled.set();
    self_.reset();  // perhaps the last
  }

  Task<absl::Status> write(const pb::Message& response) override {
    const absl::Status cancelled = MakeError(Reason::kCancelled, "the client is gone");
    if (context_.cancelled.is_set()) co_return cancelled;
    out_.Clear();
    if (!Serialize(response, out_)) {
      co_return MakeError(Reason::kInternal, "a response couldn't be serialized");
    }
    written_ = OneShot();
    StartWrite(&out_);
    co_await written_.wait();
    if (!write_ok_) co_return cancelled;
    co_return absl::OkStatus();
  }

 private:
  static Task<void> Run(std::shared_ptr<Call> call) {
    std::unique_ptr<pb::Message> request = call->shared_.dispatcher.new_request(call->method_);
    if (!Parse(call->in_, *request)) {
      call->Finish(ToGrpc(server::ExplainMalformed(call->method_.request, ToString(call->in_))));
      co_return;
    }
    call->in_.Clear();
    if (call->method_.server_streaming) {
      call->ticket_.reset();  // streams are long; the dispatcher counts them by themselves
      const absl::Status status = co_await call->shared_.dispatcher.stream(
          call->method_, call->context_, std::move(request), *call);
      call->Finish(ToGrpc(status));
      co_return;
    }
    const absl::StatusOr<server::Response> response =
        co_await call->shared_.dispatcher.call(call->method_, call->context_, std::move(request));
    call->respond(response);
  }

  void respond(const absl::StatusOr<server::Response>& response) {
    ticket_.reset();
    if (!response.ok()) return Finish(ToGrpc(response.status()));
    if (!Serialize(*response, out_)) {
      return Finish(ToGrpc(MakeError(Reason::kInternal, "a response couldn't be serialized")));
    }
    StartWriteAndFinish(&out_, grpc::WriteOptions(), grpc::Status::OK);
  }

  Shared& shared_;
  const MethodInfo& method_;
  CallContext context_;
  std::shared_ptr<Call> self_;  // gRPC's share
  std::unique_ptr<Admission::Ticket> ticket_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
  OneShot written_;
  std::atomic<bool> write_ok_ = false;
};

// One stream of reflection questions. The answers are at hand: no need for the executor.
class ReflectionCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit ReflectionCall(const Reflection& reflection) : reflection_(reflection) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    grpc::Slice request;
    if (!in_.DumpToSingleSlice(&request).ok()) {
      return Finish({grpc::StatusCode::INTERNAL, "the request couldn't be read"});
    }
    const std::string answer = reflection_.answer(
        std::string(reinterpret_cast<const char*>(request.begin()), request.size()));
    const grpc::Slice slice(answer);
    out_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&in_);
  }
  void OnDone() override { delete this; }

 private:
  const Reflection& reflection_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
};

class UnknownMethod final : public grpc::ServerGenericBidiReactor {
 public:
  explicit UnknownMethod(std::string_view method) {
    Finish(ToGrpc(MakeError(Reason::kMethodUnknown,
                            absl::StrCat("there is no method ", ForMessage(method)))));
  }
  void OnDone() override { delete this; }
};

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(Shared& shared) : shared_(shared) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (Reflection::IsMethod(context->method())) return new ReflectionCall(shared_.reflection);
    const MethodInfo* method = shared_.dispatcher.find(context->method());
    if (method == nullptr) return new UnknownMethod(context->method());
    return Call::Start(shared_, *method, read_context(*context));
  }

 private:
  CallContext read_context(const grpc::GenericCallbackServerContext& from) const {
    CallContext context;
    context.peer = from.peer();
    const auto now = std::chrono::system_clock::now();
    if (from.deadline() != std::chrono::system_clock::time_point::max()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::microseconds>(from.deadline() - now);
      context.deadline =
          Duration(shared_.env.clock().monotonic().value() + std::max<int64_t>(0, left.count()));
    }
    const auto trace = from.client_metadata().find("traceparent");
    if (trace != from.client_metadata().end()) {
      context.trace_id = ForMessage({trace->second.data(), trace->second.size()});
    }
    return context;
  }

  Shared& shared_;
};

std::vector<std::string> ServiceNames(const server::Dispatcher& dispatcher) {
  std::set<std::string> names;
  for (const MethodInfo* method : dispatcher.methods()) {
    names.insert(method->full_name.substr(1, method->full_name.rfind('/') - 1));
  }
  for (const std::string& own : Reflection::OwnServices()) names.insert(own);
  return {names.begin(), names.end()};
}

class GrpcServerImpl final : public GrpcServer {
 public:
  GrpcServerImpl(Env& env, server::Dispatcher& dispatcher,
                 std::vector<const pb::DescriptorPool*> pools, GrpcServerOptions options)
      : shared_{env, dispatcher, Reflection(std::move(pools), ServiceNames(dispatcher)),
                Admission(options.admission)},
        service_(shared_) {}

  ~GrpcServerImpl() override { shutdown(Duration(0)); }

  absl::Status start(const GrpcServerOptions& options) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
    builder.SetMaxSendMessageSize(-1);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
    // Two servers on one port would each get half of the connections.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Finds clients that have gone without a word; lets watching clients do the same.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    grpc::ResourceQuota quota("holdfast");
    quota.Resize(kTransportBytes).SetMaxThreads(kMaxTransportThreads);
    builder.SetResourceQuota(quota);
    server_ = builder.BuildAndStart();
    const bool unix_socket = options.address.starts_with("unix:");
    if (server_ == nullptr || (port == 0 && !unix_socket)) {
      return absl::UnavailableError(absl::StrCat("can't listen for gRPC on ", options.address));
    }
    address_ = options.address;
    if (!unix_socket) address_ = absl::StrCat(address_.substr(0, address_.rfind(':')), ":", port);
    for (const std::string& name : ServiceNames(shared_.dispatcher)) {
      server_->GetHealthCheckService()->SetServingStatus(name, true);
    }
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }

  void announce_stop() override { server_->GetHealthCheckService()->SetServingStatus(false); }

  void shutdown(Duration grace) override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::microseconds(grace.value()));
    server_->Wait();
    server_.reset();
  }

 private:
  Shared shared_;
  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    Env& env, server::Dispatcher& dispatcher, std::vector<const pb::DescriptorPool*> pools,
    GrpcServerOptions options) {
  auto server = std::make_unique<GrpcServerImpl>(env, dispatcher, std::move(pools), options);
  if (absl::Status status = server->start(options); !status.ok()) return status;
  return server;
}

}  // namespace holdfast::real
