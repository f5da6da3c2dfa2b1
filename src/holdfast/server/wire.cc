#include "holdfast/server/wire.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/server/check_values.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

// The wire format (protobuf.dev/programming-guides/encoding): as far as it takes to find a fault.
class Walker {
 public:
  explicit Walker(std::string_view bytes) : rest_(bytes) {}

  absl::Status walk(const pb::Descriptor* type, const std::string& path, int depth) {
    if (depth > kMaxMessageDepth) return fault(path, "is nested too deep");
    while (!rest_.empty()) {
      const std::optional<uint64_t> tag = varint();
      if (!tag.has_value() || *tag >> 3 == 0) return fault(path, "has a broken field tag");
      const pb::FieldDescriptor* field = type->FindFieldByNumber(static_cast<int>(*tag >> 3));
      const std::string name = field != nullptr ? field->name() : absl::StrCat(*tag >> 3);
      const std::string here = absl::StrCat(path, path.empty() ? "" : ".", name);
      HF_RETURN_IF_ERROR(value(static_cast<int>(*tag & 7), field, here, depth));
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status fault(const std::string& path, std::string_view problem) {
    return FieldError(Reason::kMalformedRequest, path, problem);
  }

  absl::Status value(int wire_type, const pb::FieldDescriptor* field, const std::string& path,
                     int depth) {
    constexpr char kCut[] = "is cut off";
    switch (wire_type) {
      case 0:
        return varint().has_value() ? absl::OkStatus() : fault(path, kCut);
      case 1:
        return skip(8) ? absl::OkStatus() : fault(path, kCut);
      case 5:
        return skip(4) ? absl::OkStatus() : fault(path, kCut);
      case 2:
        break;
      default:
        return fault(path, "is of a type that protobuf hasn't any more, or never had");
    }
    const std::optional<uint64_t> size = varint();
    if (!size.has_value() || *size > rest_.size()) return fault(path, kCut);
    const std::string_view inner = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    if (field == nullptr) return absl::OkStatus();
    if (field->type() == pb::FieldDescriptor::TYPE_MESSAGE) {
      return Walker(inner).walk(field->message_type(), path, depth + 1);
    }
    const bool text = field->type() == pb::FieldDescriptor::TYPE_STRING;
    return text && !IsUtf8(inner) ? fault(path, "isn't UTF-8") : absl::OkStatus();
  }

  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (size_t i = 0; i < rest_.size() && i < 10; ++i) {
      const auto byte = static_cast<unsigned char>(rest_[i]);
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }

  bool skip(size_t count) {
    if (count > rest_.size()) return false;
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

absl::Status ExplainMalformed(const pb::Descriptor* type, std::string_view bytes) {
  const absl::Status found = Walker(bytes).walk(type, "", 1);
  if (!found.ok()) return found;
  return MakeError(Reason::kMalformedRequest,
                   absl::StrCat("the request isn't a valid ", type->full_name()));
}

}  // namespace holdfast::server
