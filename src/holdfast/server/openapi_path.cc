#include "holdfast/server/openapi_path.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/strings.h"
#include "holdfast/schema/name_pattern.h"

namespace holdfast::server {
namespace {

void Append(std::string& path, std::string_view segment) {
  absl::StrAppend(&path, path.empty() ? "" : "/", ToAbsl(segment));
}

// The variable that a template begins with, and what follows it.
struct Begin {
  std::string field;
  std::string value;  // "projects/*/vpcs/*"
  std::string_view rest;
};

Begin TakeVariable(std::string_view text) {
  const size_t close = text.find('}');
  const std::string_view inside = text.substr(1, close - 1);
  const size_t equals = inside.find('=');
  Begin out{std::string(inside.substr(0, equals)), "*", text.substr(close + 1)};
  if (equals != std::string_view::npos) out.value = std::string(inside.substr(equals + 1));
  return out;
}

}  // namespace

VariableNames::VariableNames(const std::vector<const schema::Schema*>& schemas) {
  for (const schema::Schema* schema : schemas) {
    for (const schema::Service* service : schema->services()) {
      for (const schema::Kind* kind : service->kinds) {
        for (const schema::NamePattern& pattern : kind->patterns) {
          std::string shape;
          for (const std::string_view segment : schema::Segments(pattern.text())) {
            const bool variable = segment.starts_with('{');
            Append(shape, variable ? "*" : segment);
            if (!variable) continue;
            by_shape_.try_emplace(shape, std::string(segment.substr(1, segment.size() - 2)));
          }
        }
      }
    }
  }
}

std::string VariableNames::name_of(const std::string& shape) const {
  const auto found = by_shape_.find(shape);
  if (found != by_shape_.end()) return found->second;
  // "things/*": the collection, as it can't be known what one of it is called.
  const std::vector<std::string> segments = absl::StrSplit(shape, '/');
  return segments.size() < 2 ? "id" : absl::StrCat(segments[segments.size() - 2], "_id");
}

OpenApiPath VariableNames::expand(std::string_view path_template) const {
  OpenApiPath out;
  std::set<std::string> used;
  std::string_view rest = path_template;
  while (!rest.empty()) {
    if (rest.front() != '{') {
      const size_t end = std::min(rest.find('{'), rest.size());
      absl::StrAppend(&out.text, ToAbsl(rest.substr(0, end)));
      rest = rest.substr(end);
      continue;
    }
    const Begin begin = TakeVariable(rest);
    rest = begin.rest;
    std::string shape;
    for (const std::string_view segment : schema::Segments(begin.value)) {
      absl::StrAppend(&out.text, shape.empty() ? "" : "/");
      Append(shape, segment);
      if (segment != "*" && segment != "**") {
        absl::StrAppend(&out.text, ToAbsl(segment));
        continue;
      }
      std::string name = name_of(shape);
      while (!used.insert(name).second) name += "_";
      absl::StrAppend(&out.text, "{", name, "}");
      out.variables.push_back({std::move(name), begin.field, segment == "**"});
    }
  }
  return out;
}

}  // namespace holdfast::server
