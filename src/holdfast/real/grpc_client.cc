#include "holdfast/real/grpc_client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/dynamic_message.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/mutex.h"
#include "holdfast/real/descriptor_loader.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;

std::chrono::system_clock::time_point After(Duration d) {
  return std::chrono::system_clock::now() + std::chrono::microseconds(d.value());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (!status.error_details().empty()) return FromRpcStatus(status.error_details());
  const absl::Status plain(static_cast<absl::StatusCode>(status.error_code()),
                           status.error_message());
  return FromRpcStatus(ToRpcStatus(plain));
}

grpc::ByteBuffer ToBytes(const pb::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

absl::StatusOr<std::string> ToText(absl::StatusOr<grpc::ByteBuffer> bytes) {
  HF_RETURN_IF_ERROR(bytes.status());
  std::string text;
  text.reserve(bytes->Length());
  std::vector<grpc::Slice> slices;
  if (!bytes->Dump(&slices).ok()) return absl::InternalError("the server's answer can't be read");
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

std::string PathOf(const pb::MethodDescriptor* method) {
  return absl::StrCat("/", method->service()->full_name(), "/", method->name());
}

class ClientImpl final : public Client {
 public:
  ClientImpl(std::shared_ptr<grpc::Channel> channel, LoadedDescriptors loaded,
             ConnectOptions options)
      : channel_(std::move(channel)),
        stub_(channel_),
        loaded_(std::move(loaded)),
        factory_(loaded_.pool.get()),
        options_(options) {}

  ~ClientImpl() override {
    cancel_streams();
    wait_idle();
  }

  const std::vector<const pb::ServiceDescriptor*>& services() const override {
    return loaded_.services;
  }

  const pb::MethodDescriptor* find_method(std::string_view name) const override {
    std::string dotted(name.starts_with('/') ? name.substr(1) : name);
    if (const size_t slash = dotted.rfind('/'); slash != std::string::npos) dotted[slash] = '.';
    return loaded_.pool->FindMethodByName(dotted);
  }

  const pb::Descriptor* find_message(std::string_view full_name) const override {
    return loaded_.pool->FindMessageTypeByName(std::string(full_name));
  }

  const pb::DescriptorPool& pool() const override { return *loaded_.pool; }

  MessagePtr new_message(const pb::Descriptor* type) const override {
    return MessagePtr(factory_.GetPrototype(type)->New());
  }

  absl::StatusOr<MessagePtr> call(const pb::MethodDescriptor* method, const pb::Message& request,
                                  CallOptions options) override {
    struct {
      Mutex mutex;
      CondVar changed;
      std::optional<absl::StatusOr<MessagePtr>> result ABSL_GUARDED_BY(mutex);
    } answer;
    start(method, request, options, [&](absl::StatusOr<grpc::ByteBuffer> bytes) {
      absl::StatusOr<MessagePtr> response = message_of(method, std::move(bytes));
      const MutexLock lock(answer.mutex);
      answer.result = std::move(response);
      answer.changed.notify_one();
    });
    const MutexLock lock(answer.mutex);
    while (!answer.result.has_value()) answer.changed.wait(answer.mutex);
    return std::move(*answer.result);
  }

  void call_async(const pb::MethodDescriptor* method, const pb::Message& request,
                  CallOptions options, OnResponse done) override {
    start_bounded(method, request, options,
                  [this, method, done = std::move(done)](absl::StatusOr<grpc::ByteBuffer> bytes) {
                    done(message_of(method, std::move(bytes)));
                  });
  }

  void call_serialized(const pb::MethodDescriptor* method, const pb::Message& request,
                       CallOptions options, OnBytes done) override {
    start_bounded(method, request, options,
                  [done = std::move(done)](absl::StatusOr<grpc::ByteBuffer> bytes) {
                    done(ToText(std::move(bytes)));
                  });
  }

  void wait_idle() override {
    const MutexLock lock(mutex_);
    while (in_flight_ > 0) fewer_.wait(mutex_);
  }

  absl::Status stream(const pb::MethodDescriptor* method, const pb::Message& request,
                      CallOptions options, OnMessage on_message) override {
    grpc::ClientContext context;
    if (options.timeout.has_value()) context.set_deadline(After(*options.timeout));
    const StreamEntry entry(*this, context);
    grpc::CompletionQueue queue;
    const auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub_.PrepareCall(&context, PathOf(method), &queue);
    call->StartCall(nullptr);
    bool ok = wait();
    if (ok) {
      call->WriteLast(ToBytes(request), grpc::WriteOptions(), nullptr);
      ok = wait();
    }
    bool stopped = false;
    absl::Status broken;
    const MessagePtr message = new_message(method->output_type());
    while (ok && !stopped && broken.ok()) {
      grpc::ByteBuffer bytes;
      call->Read(&bytes, nullptr);
      if (!wait()) break;
      broken = parse(bytes, *message);
      if (broken.ok()) stopped = on_message(*message) == Next::kStop;
    }
    if (stopped || !broken.ok()) context.TryCancel();
    grpc::Status status;
    call->Finish(&status, nullptr);
    (void)wait();
    if (!broken.ok()) return broken;
    return stopped ? absl::OkStatus() : FromGrpc(status);
  }

  void cancel_streams() override {
    const MutexLock lock(mutex_);
    for (grpc::ClientContext* context : streams_) context->TryCancel();
  }

 private:
  // One unary call: what must stay until its end.
  struct Unary {
    std::optional<grpc::ClientContext> context = std::make_optional<grpc::ClientContext>();
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
  };

  // A stream in the list of those that may be cancelled.
  class StreamEntry {
   public:
    StreamEntry(ClientImpl& client, grpc::ClientContext& context)
        : client_(client), context_(context) {
      const MutexLock lock(client_.mutex_);
      client_.streams_.insert(&context_);
    }
    ~StreamEntry() {
      const MutexLock lock(client_.mutex_);
      client_.streams_.erase(&context_);
    }
    StreamEntry(const StreamEntry&) = delete;
    StreamEntry& operator=(const StreamEntry&) = delete;

   private:
    ClientImpl& client_;
    grpc::ClientContext& context_;
  };

  using OnBuffer = std::function<void(absl::StatusOr<grpc::ByteBuffer>)>;

  void start_bounded(const pb::MethodDescriptor* method, const pb::Message& request,
                     CallOptions options, OnBuffer done) {
    {
      const MutexLock lock(mutex_);
      while (in_flight_ >= options_.max_in_flight) fewer_.wait(mutex_);
      ++in_flight_;
    }
    start(method, request, options,
          [this, done = std::move(done)](absl::StatusOr<grpc::ByteBuffer> response) {
            done(std::move(response));
            const MutexLock lock(mutex_);
            --in_flight_;
            fewer_.notify_all();
          });
  }

  void start(const pb::MethodDescriptor* method, const pb::Message& request, CallOptions options,
             OnBuffer done) {
    auto unary = std::make_shared<Unary>();  // shared: std::function must be copyable
    if (options.timeout.has_value()) unary->context->set_deadline(After(*options.timeout));
    unary->request = ToBytes(request);
    stub_.UnaryCall(&*unary->context, PathOf(method), {}, &unary->request, &unary->response,
                    [unary, done = std::move(done)](const grpc::Status& status) {
                      absl::StatusOr<grpc::ByteBuffer> answer = std::move(unary->response);
                      if (!status.ok()) answer = FromGrpc(status);
                      // It holds the channel, and gRPC can't end a channel on this thread of its
                      // own: the caller may let the client go as soon as it has the answer.
                      unary->context.reset();
                      done(std::move(answer));
                    });
  }

  absl::StatusOr<MessagePtr> message_of(const pb::MethodDescriptor* method,
                                        absl::StatusOr<grpc::ByteBuffer> bytes) const {
    HF_RETURN_IF_ERROR(bytes.status());
    MessagePtr response = new_message(method->output_type());
    HF_RETURN_IF_ERROR(parse(*bytes, *response));
    return response;
  }

  static absl::Status parse(grpc::ByteBuffer& bytes, pb::Message& message) {
    grpc::ProtoBufferReader reader(&bytes);
    if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("the server's answer isn't a valid ", message.GetDescriptor()->full_name()));
  }

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  const LoadedDescriptors loaded_;
  mutable pb::DynamicMessageFactory factory_;  // locks within
  const ConnectOptions options_;
  Mutex mutex_;
  CondVar fewer_;
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<grpc::ClientContext*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& address,
                                                        ConnectOptions options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  arguments.SetMaxSendMessageSize(-1);
  // A server that is started again is found soon: gRPC's own pauses grow to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(After(options.timeout))) {
    return absl::UnavailableError(absl::StrCat("no Holdfast server answers at ", address));
  }
  HF_ASSIGN_OR_RETURN(LoadedDescriptors loaded, LoadDescriptors(channel, options.timeout));
  return std::make_unique<ClientImpl>(channel, std::move(loaded), options);
}

}  // namespace holdfast::real
