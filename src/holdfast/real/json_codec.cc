#include "holdfast/real/json_codec.h"

#include <climits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;

constexpr const char* kTypePrefix = "type.googleapis.com";

std::string TypeUrl(const pb::Message& message) {
  return absl::StrCat(kTypePrefix, "/", message.GetDescriptor()->full_name());
}

std::string Join(std::string_view a, std::string_view b) {
  return absl::StrCat(ToAbsl(a), a.empty() || b.empty() ? "" : ".", ToAbsl(b));
}

struct Finding {
  std::string path;
  std::string problem;
};

// What protobuf says: "(spec.kids[1]) nope: Cannot find field.", "(n): invalid value "x" for type
// TYPE_INT64", "nope: Cannot find field.", or a text without a place, perhaps of several lines.
Finding ReadFinding(std::string_view text) {
  Finding out;
  if (text.starts_with('(')) {
    const size_t close = text.find(')');
    if (close != std::string_view::npos) {
      out.path = std::string(text.substr(1, close - 1));
      text = text.substr(close + 1);
    }
  }
  const size_t colon = text.find(':');
  const std::string_view before = text.substr(0, std::min(colon, text.size()));
  if (colon != std::string_view::npos && before.find('"') == std::string_view::npos) {
    const size_t start = std::min(before.find_first_not_of(' '), before.size());
    const std::string_view field = before.substr(start);
    const bool is_field = field.find(' ') == std::string_view::npos;
    if (is_field) {
      out.path = Join(out.path, field);
      text = text.substr(colon + 1);
    }
  }
  text = text.substr(0, text.find('\n'));
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  if (text == "Cannot find field.") text = "there is no such field";
  out.problem = ForMessage(text, 300);
  return out;
}

absl::Status FromProtobuf(std::string_view message, std::string_view field) {
  const Finding finding = ReadFinding(message);
  std::string path = Join(field, finding.path);
  if (path.empty()) path = "body";
  return FieldError(Reason::kInvalidField, ForMessage(path, 300), finding.problem);
}

std::string SerializeInOrder(const pb::Message& message) {
  std::string bytes;
  pb::io::StringOutputStream out(&bytes);
  pb::io::CodedOutputStream coded(&out);
  // Maps must not come out in an order that differs from run to run.
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

JsonCodec::JsonCodec(const std::vector<const pb::DescriptorPool*>& pools) {
  const auto add = [this](const pb::DescriptorPool* pool) {
    auto& slot = resolvers_[pool];
    if (slot == nullptr) slot.reset(pb::util::NewTypeResolverForDescriptorPool(kTypePrefix, pool));
  };
  add(pb::DescriptorPool::generated_pool());
  for (const pb::DescriptorPool* pool : pools) add(pool);
}

pb::util::TypeResolver& JsonCodec::resolver(const pb::Descriptor* type) const {
  const auto found = resolvers_.find(type->file()->pool());
  HF_CHECK(found != resolvers_.end()) << type->full_name() << " is of a pool that wasn't given";
  return *found->second;
}

absl::Status JsonCodec::parse(std::string_view text, std::string_view field,
                              pb::Message& message) const {
  // protobuf counts in int.
  if (text.size() > INT_MAX) return FieldError(Reason::kMalformedRequest, field, "is too large");
  std::string bytes;
  pb::io::ArrayInputStream in(text.data(), static_cast<int>(text.size()));
  {
    pb::io::StringOutputStream out(&bytes);
    const auto status = pb::util::JsonToBinaryStream(&resolver(message.GetDescriptor()),
                                                     TypeUrl(message), &in, &out);
    if (!status.ok()) {
      const auto said = status.message();
      return FromProtobuf(std::string_view(said.data(), said.size()), field);
    }
  }
  if (message.ParseFromString(bytes)) return absl::OkStatus();
  return FieldError(Reason::kMalformedRequest, field.empty() ? "body" : field,
                    "is nested too deep, or holds what protobuf can't read");
}

absl::StatusOr<std::string> JsonCodec::print(const pb::Message& message) const {
  std::string json;
  const auto status = pb::util::BinaryToJsonString(
      &resolver(message.GetDescriptor()), TypeUrl(message), SerializeInOrder(message), &json);
  if (status.ok()) return json;
  const auto said = status.message();
  return MakeError(Reason::kInternal,
                   absl::StrCat("printing a ", message.GetTypeName(),
                                " as JSON: ", absl::string_view(said.data(), said.size())));
}

}  // namespace holdfast::real
