#include "holdfast/real/descriptor_loader.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;
namespace rpc = grpc::reflection::v1;

constexpr char kMethod[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

// One stream of questions, answered one by one.
class Asker {
 public:
  Asker(const std::shared_ptr<grpc::Channel>& channel, Duration timeout) : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::microseconds(timeout.value()));
    stream_ = stub_.PrepareCall(&context_, kMethod, &queue_);
    stream_->StartCall(this);
    ok_ = wait();
  }
  ~Asker() {
    context_.TryCancel();
    grpc::Status status;
    stream_->Finish(&status, this);
    wait();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  absl::StatusOr<rpc::ServerReflectionResponse> ask(const rpc::ServerReflectionRequest& request) {
    const grpc::Slice slice(request.SerializeAsString());
    if (ok_) {
      stream_->Write(grpc::ByteBuffer(&slice, 1), this);
      ok_ = wait();
    }
    grpc::ByteBuffer bytes;
    if (ok_) {
      stream_->Read(&bytes, this);
      ok_ = wait();
    }
    grpc::Slice answer;
    rpc::ServerReflectionResponse response;
    if (!ok_ || !bytes.DumpToSingleSlice(&answer).ok() ||
        !response.ParseFromArray(answer.begin(), static_cast<int>(answer.size()))) {
      return absl::UnavailableError("the server doesn't answer questions of gRPC reflection");
    }
    if (response.has_error_response()) {
      return absl::NotFoundError(
          absl::StrCat("gRPC reflection: ", response.error_response().error_message()));
    }
    return response;
  }

 private:
  bool wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool ok_ = false;
};

class Loader {
 public:
  Loader(const std::shared_ptr<grpc::Channel>& channel, Duration timeout)
      : asker_(channel, timeout), pool_(std::make_unique<pb::DescriptorPool>()) {}

  absl::StatusOr<LoadedDescriptors> load() {
    rpc::ServerReflectionRequest list;
    list.set_list_services("*");
    HF_ASSIGN_OR_RETURN(const rpc::ServerReflectionResponse listed, asker_.ask(list));
    std::vector<std::string> names;
    for (const rpc::ServiceResponse& service : listed.list_services_response().service()) {
      const bool own = service.name().starts_with("grpc.reflection.") ||
                       service.name().starts_with("grpc.health.");
      if (!own) names.push_back(service.name());
    }
    std::sort(names.begin(), names.end());
    LoadedDescriptors loaded;
    for (const std::string& name : names) {
      HF_RETURN_IF_ERROR(load_symbol(name));
      loaded.services.push_back(pool_->FindServiceByName(name));
      if (loaded.services.back() == nullptr) {
        return absl::InternalError(absl::StrCat("the server's descriptors lack ", name));
      }
    }
    loaded.pool = std::move(pool_);
    return loaded;
  }

 private:
  absl::Status load_symbol(const std::string& name) {
    if (pool_->FindFileContainingSymbol(name) != nullptr) return absl::OkStatus();
    rpc::ServerReflectionRequest request;
    request.set_file_containing_symbol(name);
    HF_ASSIGN_OR_RETURN(const std::string first, fetch(request));
    return build(first);
  }

  // Remembers the files of an answer; the name of the first.
  absl::StatusOr<std::string> fetch(const rpc::ServerReflectionRequest& request) {
    HF_ASSIGN_OR_RETURN(const rpc::ServerReflectionResponse response, asker_.ask(request));
    std::string first;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      pb::FileDescriptorProto file;
      if (!file.ParseFromString(bytes)) {
        return absl::InternalError("the server's descriptors can't be read");
      }
      if (first.empty()) first = file.name();
      files_.emplace(file.name(), std::move(file));
    }
    return first;
  }

  // Puts a file into the pool, behind what it imports.
  absl::Status build(const std::string& name) {
    if (pool_->FindFileByName(name) != nullptr) return absl::OkStatus();
    auto found = files_.find(name);
    if (found == files_.end()) {
      rpc::ServerReflectionRequest request;
      request.set_file_by_filename(name);
      HF_RETURN_IF_ERROR(fetch(request).status());
      found = files_.find(name);
      if (found == files_.end()) {
        return absl::InternalError(absl::StrCat("the server's descriptors lack ", name));
      }
    }
    // Taken out, so that a cycle of imports ends with an error.
    const pb::FileDescriptorProto file = std::move(found->second);
    files_.erase(found);
    for (const std::string& import : file.dependency()) HF_RETURN_IF_ERROR(build(import));
    if (pool_->BuildFile(file) != nullptr) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the server's descriptors are inconsistent: ", name));
  }

  Asker asker_;
  std::unique_ptr<pb::DescriptorPool> pool_;
  std::map<std::string, pb::FileDescriptorProto> files_;  // not in the pool yet
};

}  // namespace

absl::StatusOr<LoadedDescriptors> LoadDescriptors(const std::shared_ptr<grpc::Channel>& channel,
                                                  Duration timeout) {
  return Loader(channel, timeout).load();
}

}  // namespace holdfast::real
