#include "holdfast/schema/export.h"

namespace holdfast::schema {

std::string ExportProto(const google::protobuf::FileDescriptor& file) {
  google::protobuf::DebugStringOptions options;
  options.include_comments = true;
  return file.DebugStringWithOptions(options);
}

std::map<std::string, std::string> ExportProtos(const Schema& schema) {
  std::map<std::string, std::string> texts;
  for (const auto* file : schema.files()) {
    if (!file->name().starts_with("google/protobuf/")) texts[file->name()] = ExportProto(*file);
  }
  return texts;
}

}  // namespace holdfast::schema
