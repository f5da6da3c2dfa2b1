// Create, Update and Delete requests as operations of a write; alone or inside of a Transact.
// Internal to server/.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/schema/schema.h"
#include "holdfast/server/request.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

// Takes the resource out of `request`. `path` is where the request stands, for errors: "" or
// "operations[2].create_vpc.".
[[nodiscard]] absl::StatusOr<store::WriteOp> TakeWriteOp(schema::Verb verb,
                                                         const schema::Kind& kind,
                                                         const RequestFields& fields,
                                                         google::protobuf::Message& request,
                                                         const std::string& path);

}  // namespace holdfast::server
