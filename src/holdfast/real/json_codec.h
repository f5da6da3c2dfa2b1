// Messages from and to protobuf's JSON form, for types that are known only at run time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/type_resolver.h"

namespace holdfast::real {

// Objects and arrays within each other. protobuf reads messages nested up to 100 deep.
inline constexpr size_t kMaxJsonDepth = 100;

// INVALID_ARGUMENT (MALFORMED_REQUEST, about `field`) unless `text` is one JSON object as RFC 8259
// has it, in UTF-8, not deeper than kMaxJsonDepth, with no key twice in an object. protobuf's own
// parser is more lenient than clients should get used to.
[[nodiscard]] absl::Status CheckJson(std::string_view text, std::string_view field);

// Thread-safe.
class JsonCodec {
 public:
  // The pools of the types that it will see; they outlive it. The generated pool is always known.
  explicit JsonCodec(const std::vector<const google::protobuf::DescriptorPool*>& pools);

  // Fills `message`, which is empty. INVALID_ARGUMENT with the path of the field that is unknown or
  // has a wrong value, below `field` ("vpc", or empty at the top).
  [[nodiscard]] absl::Status parse(std::string_view text, std::string_view field,
                                   google::protobuf::Message& message) const;

  // On one line. INTERNAL if the message holds what JSON can't show.
  [[nodiscard]] absl::StatusOr<std::string> print(const google::protobuf::Message& message) const;

 private:
  [[nodiscard]] google::protobuf::util::TypeResolver& resolver(
      const google::protobuf::Descriptor* type) const;

  // Looked up by address, never walked through.
  std::map<const google::protobuf::DescriptorPool*,
           std::unique_ptr<google::protobuf::util::TypeResolver>>
      resolvers_;
};

}  // namespace holdfast::real
