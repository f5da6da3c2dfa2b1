// What users write in YAML (or JSON, which is YAML): resources, and lists of operations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/app/holdfast/catalog.h"
#include "holdfast/real/grpc_client.h"

namespace holdfast::cli {

struct Manifest {
  const ServedKind* kind = nullptr;
  std::string name;
  real::MessagePtr resource;
};

struct Operation {
  enum class Type { kCreate, kUpdate, kApply, kDelete };
  Type type = Type::kApply;
  Manifest target;  // kDelete: only kind and name
};

// Documents separated by `---`, each a resource with its `name`; `kind` may be left out, since the
// name tells. INVALID_ARGUMENT with `source`, line and what is wrong; also for a name that comes
// twice.
[[nodiscard]] absl::StatusOr<std::vector<Manifest>> ParseManifests(std::string_view text,
                                                                   std::string_view source,
                                                                   const Catalog& catalog,
                                                                   const real::Client& client);

// A list: `- create: {name: …}`, `- update: …`, `- apply: …`, `- delete: name`.
[[nodiscard]] absl::StatusOr<std::vector<Operation>> ParseOperations(std::string_view text,
                                                                     std::string_view source,
                                                                     const Catalog& catalog,
                                                                     const real::Client& client);

// "field.path=value" of --set: replaces the field's value. In a text field the value is taken as it
// is, in others as YAML: depends=[a, b]. Returns the path as field masks write it.
[[nodiscard]] absl::StatusOr<std::string> SetField(google::protobuf::Message& resource,
                                                   std::string_view assignment);

// The whole file, or standard input for "-".
[[nodiscard]] absl::StatusOr<std::string> ReadInput(const std::string& path);

}  // namespace holdfast::cli
