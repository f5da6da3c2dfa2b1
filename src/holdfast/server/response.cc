#include "holdfast/server/response.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::server {

namespace pb = google::protobuf;

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

void SetRevision(pb::Message& response, const pb::FieldDescriptor* field, Revision revision) {
  response.GetReflection()->SetString(&response, field, absl::StrCat(revision.value()));
}

}  // namespace holdfast::server
