// Where in the author's files something is written.
#pragma once

#include <string>

#include "google/protobuf/descriptor.h"

namespace holdfast::schema {

struct Place {
  std::string file;
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1
};

[[nodiscard]] Place PlaceOf(const google::protobuf::FileDescriptor* file);
[[nodiscard]] Place PlaceOf(const google::protobuf::Descriptor* message);
[[nodiscard]] Place PlaceOf(const google::protobuf::FieldDescriptor* field);
[[nodiscard]] Place PlaceOf(const google::protobuf::EnumDescriptor* type);
[[nodiscard]] Place PlaceOf(const google::protobuf::EnumValueDescriptor* value);

// Where the option with this extension number is set; the element itself if it isn't.
[[nodiscard]] Place PlaceOfOption(const google::protobuf::FileDescriptor* file, int number);
[[nodiscard]] Place PlaceOfOption(const google::protobuf::Descriptor* message, int number);
[[nodiscard]] Place PlaceOfOption(const google::protobuf::FieldDescriptor* field, int number);

}  // namespace holdfast::schema
