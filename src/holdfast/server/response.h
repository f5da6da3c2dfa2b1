// Filling derived responses by reflection. Internal to server/.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/server/dispatcher.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

// Appends a resource to a repeated field, cut to what the mask names. What nobody else holds is
// moved; what is shared is copied.
google::protobuf::Message& AddResource(google::protobuf::Message& response,
                                       const google::protobuf::FieldDescriptor* field,
                                       store::SharedMessage resource,
                                       const filter::FieldMask& mask);

// The same for a serialized resource, which isn't parsed where the mask can do without. INTERNAL if
// the bytes aren't a resource.
[[nodiscard]] absl::Status AddSerialized(Response& response,
                                         const google::protobuf::FieldDescriptor* field,
                                         std::string_view resource, const filter::FieldMask& mask);

void SetRevision(google::protobuf::Message& response,
                 const google::protobuf::FieldDescriptor* field, Revision revision);

}  // namespace holdfast::server
