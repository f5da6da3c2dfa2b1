#include "holdfast/server/response.h"

#include "absl/strings/str_cat.h"

namespace holdfast::server {

namespace pb = google::protobuf;

pb::Message& AddResource(pb::Message& response, const pb::FieldDescriptor* field,
                         const pb::Message& resource, const filter::FieldMask& mask) {
  pb::Message* copy = response.GetReflection()->AddMessage(&response, field);
  copy->CopyFrom(resource);
  mask.keep(*copy);
  return *copy;
}

void SetRevision(pb::Message& response, const pb::FieldDescriptor* field, Revision revision) {
  response.GetReflection()->SetString(&response, field, absl::StrCat(revision.value()));
}

}  // namespace holdfast::server
