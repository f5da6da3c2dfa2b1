#include "holdfast/real/reflection.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;
namespace rpc = grpc::reflection::v1;

constexpr char kV1[] = "grpc.reflection.v1.ServerReflection";
constexpr char kV1Alpha[] = "grpc.reflection.v1alpha.ServerReflection";
constexpr char kHealth[] = "grpc.health.v1.Health";
constexpr char kMethod[] = "/ServerReflectionInfo";

void Fail(rpc::ServerReflectionResponse& response, absl::StatusCode code,
          const std::string& message) {
  response.mutable_error_response()->set_error_code(static_cast<int>(code));
  response.mutable_error_response()->set_error_message(message);
}

// The file and all that it imports, dependencies behind those who need them.
void AddFiles(const pb::FileDescriptor* file, std::set<const pb::FileDescriptor*>& seen,
              rpc::FileDescriptorResponse& out) {
  if (!seen.insert(file).second) return;
  pb::FileDescriptorProto proto;
  file->CopyTo(&proto);
  *out.add_file_descriptor_proto() = proto.SerializeAsString();
  for (int i = 0; i < file->dependency_count(); ++i) AddFiles(file->dependency(i), seen, out);
}

void AnswerFile(const pb::FileDescriptor* file, const std::string& what,
                rpc::ServerReflectionResponse& response) {
  if (file == nullptr) {
    return Fail(response, absl::StatusCode::kNotFound,
                absl::StrCat("not found: ", ForMessage(what)));
  }
  std::set<const pb::FileDescriptor*> seen;
  AddFiles(file, seen, *response.mutable_file_descriptor_response());
}

}  // namespace

Reflection::Reflection(std::vector<const pb::DescriptorPool*> pools,
                       std::vector<std::string> services)
    : pools_(std::move(pools)), services_(std::move(services)) {
  // Using the messages makes sure that their files are linked into the generated pool.
  (void)grpc::health::v1::HealthCheckRequest::descriptor();
  (void)grpc::reflection::v1alpha::ServerReflectionRequest::descriptor();
  pools_.push_back(pb::DescriptorPool::generated_pool());
  std::sort(services_.begin(), services_.end());
}

bool Reflection::IsMethod(std::string_view full_name) {
  return full_name == absl::StrCat("/", kV1, kMethod) ||
         full_name == absl::StrCat("/", kV1Alpha, kMethod);
}

std::vector<std::string> Reflection::OwnServices() { return {kHealth, kV1, kV1Alpha}; }

const pb::FileDescriptor* Reflection::find_file(const std::string& name) const {
  for (const pb::DescriptorPool* pool : pools_) {
    if (const auto* file = pool->FindFileByName(name)) return file;
  }
  return nullptr;
}

const pb::FileDescriptor* Reflection::find_symbol(const std::string& name) const {
  for (const pb::DescriptorPool* pool : pools_) {
    if (const auto* file = pool->FindFileContainingSymbol(name)) return file;
  }
  return nullptr;
}

const pb::FileDescriptor* Reflection::find_extension(const std::string& type, int number) const {
  for (const pb::DescriptorPool* pool : pools_) {
    const pb::Descriptor* extended = pool->FindMessageTypeByName(type);
    if (extended == nullptr) continue;
    if (const auto* found = pool->FindExtensionByNumber(extended, number)) return found->file();
  }
  return nullptr;
}

std::string Reflection::answer(const std::string& request_bytes) const {
  rpc::ServerReflectionRequest request;
  rpc::ServerReflectionResponse response;
  if (!request.ParseFromString(request_bytes)) {
    Fail(response, absl::StatusCode::kInvalidArgument, "not a ServerReflectionRequest");
    return response.SerializeAsString();
  }
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case rpc::ServerReflectionRequest::kFileByFilename:
      AnswerFile(find_file(request.file_by_filename()), request.file_by_filename(), response);
      break;
    case rpc::ServerReflectionRequest::kFileContainingSymbol:
      AnswerFile(find_symbol(request.file_containing_symbol()), request.file_containing_symbol(),
                 response);
      break;
    case rpc::ServerReflectionRequest::kFileContainingExtension: {
      const rpc::ExtensionRequest& extension = request.file_containing_extension();
      AnswerFile(find_extension(extension.containing_type(), extension.extension_number()),
                 extension.containing_type(), response);
      break;
    }
    case rpc::ServerReflectionRequest::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      std::set<int> numbers;
      bool known = false;
      for (const pb::DescriptorPool* pool : pools_) {
        const pb::Descriptor* extended = pool->FindMessageTypeByName(type);
        if (extended == nullptr) continue;
        known = true;
        std::vector<const pb::FieldDescriptor*> extensions;
        pool->FindAllExtensions(extended, &extensions);
        for (const pb::FieldDescriptor* extension : extensions) numbers.insert(extension->number());
      }
      if (!known) {
        Fail(response, absl::StatusCode::kNotFound, absl::StrCat("not found: ", ForMessage(type)));
        break;
      }
      response.mutable_all_extension_numbers_response()->set_base_type_name(type);
      for (int number : numbers) {
        response.mutable_all_extension_numbers_response()->add_extension_number(number);
      }
      break;
    }
    case rpc::ServerReflectionRequest::kListServices:
      for (const std::string& service : services_) {
        response.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    case rpc::ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      Fail(response, absl::StatusCode::kInvalidArgument, "the request asks for nothing");
      break;
  }
  return response.SerializeAsString();
}

}  // namespace holdfast::real
