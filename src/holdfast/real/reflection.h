// gRPC server reflection (grpc.reflection.v1, and v1alpha whose messages are the same on the wire)
// over pools that are made at run time. gRPC's own plugin serves only what was compiled in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace holdfast::real {

// Immutable, thread-safe.
class Reflection {
 public:
  // `pools` outlive this; what none of them has is looked for in the generated pool. `services`:
  // full names, as list_services tells them.
  Reflection(std::vector<const google::protobuf::DescriptorPool*> pools,
             std::vector<std::string> services);

  // Is this method ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo") the one?
  [[nodiscard]] static bool IsMethod(std::string_view full_name);
  // The services that this class and gRPC itself add to the caller's.
  [[nodiscard]] static std::vector<std::string> OwnServices();

  // A serialized ServerReflectionResponse for a serialized ServerReflectionRequest. What can't be
  // parsed gets an error response.
  [[nodiscard]] std::string answer(const std::string& request) const;

 private:
  [[nodiscard]] const google::protobuf::FileDescriptor* find_file(const std::string& name) const;
  [[nodiscard]] const google::protobuf::FileDescriptor* find_symbol(const std::string& name) const;
  [[nodiscard]] const google::protobuf::FileDescriptor* find_extension(const std::string& type,
                                                                       int number) const;

  std::vector<const google::protobuf::DescriptorPool*> pools_;
  std::vector<std::string> services_;
};

}  // namespace holdfast::real
