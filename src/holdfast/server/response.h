// Filling derived responses by reflection. Internal to server/.
#pragma once

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/filter/field_mask.h"

namespace holdfast::server {

// Appends a copy to a repeated field, cut to what the mask names. Returns the copy.
google::protobuf::Message& AddResource(google::protobuf::Message& response,
                                       const google::protobuf::FieldDescriptor* field,
                                       const google::protobuf::Message& resource,
                                       const filter::FieldMask& mask);

void SetRevision(google::protobuf::Message& response,
                 const google::protobuf::FieldDescriptor* field, Revision revision);

}  // namespace holdfast::server
