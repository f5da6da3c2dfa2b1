// Request fields from text: parameters of a query and variables of a path.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace holdfast::real {

// Sets the field at a path of singular messages ("vpc.name", names as in the .proto file) to a
// text. INVALID_NAME if it has another text already, which then came with the body.
[[nodiscard]] absl::Status SetVariable(google::protobuf::Message& request,
                                       std::string_view field_path, const std::string& value);

// Sets request fields from query parameters, as google.api.http has it: dotted paths of snake_case
// or lowerCamelCase names; repeated fields by repetition; enums by name or number; bytes in base64;
// Timestamps, Durations and FieldMasks in their JSON form (a mask's paths in either case).
// Maps, and messages as such, can't be given.
class QueryReader {
 public:
  // `taken`: paths that other parts of the HTTP request set, with where: {"vpc", "the body"}.
  struct Taken {
    std::string field_path;
    std::string by;
  };
  QueryReader(google::protobuf::Message& request, std::vector<Taken> taken)
      : request_(request), taken_(std::move(taken)) {}

  // INVALID_ARGUMENT naming the parameter: unknown fields, values of the wrong type, singular
  // fields given twice, fields that are taken.
  [[nodiscard]] absl::Status set(const std::string& name, const std::string& value);

 private:
  struct Place {
    google::protobuf::Message* message = nullptr;
    const google::protobuf::FieldDescriptor* field = nullptr;
    std::string path;
  };
  [[nodiscard]] absl::Status find(const std::string& name, Place& out);
  [[nodiscard]] absl::Status check_free(const std::string& name, const Place& place) const;

  google::protobuf::Message& request_;
  const std::vector<Taken> taken_;
  std::set<std::string> seen_;  // paths of singular fields
};

}  // namespace holdfast::real
