// `holdfast schema export`: the derived API as .proto text.
#pragma once

#include <map>
#include <string>

#include "google/protobuf/descriptor.h"
#include "holdfast/schema/schema.h"

namespace holdfast::schema {

// A file as .proto source, with the comments it has. Compiles to the same descriptors.
[[nodiscard]] std::string ExportProto(const google::protobuf::FileDescriptor& file);

// All files that the services consist of, with what they import from google/api and holdfast, by
// name: a folder that any protoc can work on (it brings google/protobuf itself).
[[nodiscard]] std::map<std::string, std::string> ExportProtos(const Schema& schema);

}  // namespace holdfast::schema
