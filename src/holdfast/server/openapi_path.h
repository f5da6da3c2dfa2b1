// google.api.http path templates as OpenAPI's. Internal to server/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/schema/schema.h"

namespace holdfast::server {

struct OpenApiPath {
  struct Variable {
    std::string name;          // "project"
    std::string field;         // the request field that it is a part of: "parent"
    bool has_slashes = false;  // it was `**`
  };
  std::string text;  // "/v1/projects/{project}/vpcs/{vpc}:watch"
  std::vector<Variable> variables;
};

// Names for the `*` of templates: those of the variables in the kinds' name patterns.
class VariableNames {
 public:
  explicit VariableNames(const std::vector<const schema::Schema*>& schemas);

  // "/v1/{name=projects/*/vpcs/*}:watch". Two templates that match the same paths give the same
  // text.
  [[nodiscard]] OpenApiPath expand(std::string_view path_template) const;

 private:
  [[nodiscard]] std::string name_of(const std::string& shape) const;

  std::map<std::string, std::string> by_shape_;  // "projects/*/vpcs/*" -> "vpc"
};

}  // namespace holdfast::server
