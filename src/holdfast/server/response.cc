#include "holdfast/server/response.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "holdfast/base/error.h"

namespace holdfast::server {

namespace pb = google::protobuf;
using pb::internal::WireFormatLite;

namespace {
constexpr size_t kMaxVarint32 = 5;  // bytes

absl::Status Damaged() { return MakeError(Reason::kInternal, "a stored resource can't be read"); }
}  // namespace

pb::Message& AddResource(pb::Message& response, const pb::FieldDescriptor* field,
                         store::SharedMessage resource, const filter::FieldMask& mask) {
  pb::Message* added = response.GetReflection()->AddMessage(&response, field);
  if (resource.use_count() == 1) {
    // The store made it as a message that may change, for us alone.
    added->GetReflection()->Swap(added, &const_cast<pb::Message&>(*resource));
  } else {
    added->CopyFrom(*resource);
  }
  mask.keep(*added);
  return *added;
}

absl::Status AddSerialized(Response& response, const pb::FieldDescriptor* field,
                           std::string_view resource, const filter::FieldMask& mask) {
  if (!mask.keeps_serialized()) {
    pb::Message& message = *response.message;
    pb::Message& added = *message.GetReflection()->AddMessage(&message, field);
    if (!added.ParseFromArray(resource.data(), static_cast<int>(resource.size()))) return Damaged();
    mask.keep(added);
    return absl::OkStatus();
  }
  std::string kept;
  if (!mask.keep(resource, kept)) return Damaged();
  std::array<uint8_t, 2 * kMaxVarint32> head = {};
  const uint32_t tag =
      WireFormatLite::MakeTag(field->number(), WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  uint8_t* end = pb::io::CodedOutputStream::WriteVarint32ToArray(tag, head.data());
  end = pb::io::CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(kept.size()), end);
  response.rest.append(head.data(), end).append(kept);
  return absl::OkStatus();
}

void SetRevision(pb::Message& response, const pb::FieldDescriptor* field, Revision revision) {
  response.GetReflection()->SetString(&response, field, absl::StrCat(revision.value()));
}

}  // namespace holdfast::server
