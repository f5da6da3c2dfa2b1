// The derived API as an OpenAPI 3.0.3 document, for clients that speak JSON over HTTP.
//
// Resource names are spread over the path ("/v1/projects/{project}/vpcs/{vpc}"), as OpenAPI's path
// parameters hold no slashes. Schemas are those of protobuf's JSON form: int64 are strings, enums
// names, Timestamps date-times.
#pragma once

#include <string>
#include <vector>

#include "holdfast/schema/schema.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::server {

struct OpenApiInfo {
  std::string title = "Holdfast";
  std::string version = "0";  // of what is served, as people see it
};

// JSON text; the same for the same methods. `schemas` give path variables their names.
[[nodiscard]] std::string BuildOpenApi(const std::vector<const MethodInfo*>& methods,
                                       const std::vector<const schema::Schema*>& schemas,
                                       const OpenApiInfo& info);

}  // namespace holdfast::server
