// Filling derived responses by reflection. Internal to server/.
#pragma once

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

// Appends a resource to a repeated field, cut to what the mask names. What nobody else holds is
// moved, which makes long lists half as expensive; what is shared is copied.
google::protobuf::Message& AddResource(google::protobuf::Message& response,
                                       const google::protobuf::FieldDescriptor* field,
                                       store::SharedMessage resource,
                                       const filter::FieldMask& mask);

void SetRevision(google::protobuf::Message& response,
                 const google::protobuf::FieldDescriptor* field, Revision revision);

}  // namespace holdfast::server
