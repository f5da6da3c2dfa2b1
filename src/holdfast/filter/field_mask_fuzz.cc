// Any lines as a mask, applied to any resource. Input: paths, one a line; after an empty line a
// resource, as protobuf's wire format.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_split.h"
#include "google/protobuf/util/message_differencer.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/filter/test_message.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Message;

std::unique_ptr<Message> CopyOf(const Message& message) {
  std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

void Try(const std::vector<std::string>& paths, const Message& resource) {
  const auto mask = FieldMask::Parse(paths, resource.GetDescriptor(), "read_mask");
  if (!mask.ok()) {
    HF_CHECK(ReasonOf(mask.status()) == Reason::kInvalidMask) << mask.status();
    return;
  }
  const auto kept = CopyOf(resource);
  mask->keep(*kept);
  if (mask->keeps_serialized()) {
    std::string bytes;
    HF_CHECK(mask->keep(resource.SerializeAsString(), bytes));
    const std::unique_ptr<Message> parsed(resource.New());
    HF_CHECK(parsed->ParseFromString(bytes) &&
             google::protobuf::util::MessageDifferencer::Equals(*kept, *parsed))
        << "bytes are cut otherwise than messages";
  }
  const auto twice = CopyOf(*kept);
  mask->keep(*twice);
  HF_CHECK(google::protobuf::util::MessageDifferencer::Equals(*kept, *twice))
      << "keeping again changes something";

  // Taking from itself changes nothing, and taking from nothing leaves nothing that is named.
  const auto itself = CopyOf(resource);
  mask->copy(resource, *itself);
  HF_CHECK(google::protobuf::util::MessageDifferencer::Equals(resource, *itself))
      << "copying from itself changes something";
  const std::unique_ptr<Message> nothing(resource.New());
  mask->copy(*nothing, *itself);

  const auto again = FieldMask::Parse(mask->paths(), resource.GetDescriptor(), "read_mask");
  HF_CHECK(again.ok() && again->paths() == mask->paths()) << "canonical paths aren't";
  (void)FieldMask::ParseForUpdate(paths, resource.GetDescriptor(), "update_mask").status();
}

}  // namespace
}  // namespace holdfast::filter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::filter;  // NOLINT
  google::protobuf::SetLogHandler(nullptr);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find("\n\n"), size);
  const std::string_view body = input.substr(std::min(end + 2, size));
  const auto resource = TestTypes::Get().make();
  if (!resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) resource->Clear();
  // Bytes are cut by number: a known one of another wire type stays, which a message has dropped.
  resource->DiscardUnknownFields();
  // NaN differs from itself, which says nothing about masks.
  for (const char* field : {"ratio", "weight"}) {
    resource->GetReflection()->ClearField(resource.get(),
                                          resource->GetDescriptor()->FindFieldByName(field));
  }
  const std::vector<std::string> paths =
      absl::StrSplit(holdfast::ToAbsl(input.substr(0, end)), '\n');
  Try(paths, *resource);
  (void)FieldMask::OfSetFields(*resource);
  return 0;
}
