// Fields of messages whose types are known only at run time, by name. The field must be there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

namespace holdfast::cli {

void SetText(google::protobuf::Message& message, std::string_view field, std::string value);
void AddText(google::protobuf::Message& message, std::string_view field, std::string value);
void SetNumber(google::protobuf::Message& message, std::string_view field, int64_t value);
void SetFlag(google::protobuf::Message& message, std::string_view field);
[[nodiscard]] std::string GetText(const google::protobuf::Message& message, std::string_view field);
// Also of enums (their number) and bools.
[[nodiscard]] int64_t GetNumber(const google::protobuf::Message& message, std::string_view field);
[[nodiscard]] google::protobuf::Message* Mutable(google::protobuf::Message& message,
                                                 std::string_view field);
// The elements of a repeated message field.
[[nodiscard]] std::vector<const google::protobuf::Message*> Elements(
    const google::protobuf::Message& message, std::string_view field);
// The resources of a List response: its field 1.
[[nodiscard]] std::vector<const google::protobuf::Message*> Listed(
    const google::protobuf::Message& response);

}  // namespace holdfast::cli
