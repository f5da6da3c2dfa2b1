// What users write in YAML (or JSON, which is YAML): resources, and lists of operations.
#pragma once

#include <memory>
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
// name tells. INVALID_ARGUMENT with `source`, line and what is wrong.
[[nodiscard]] absl::StatusOr<std::vector<Manifest>> ParseManifests(std::string_view text,
                                                                   std::string_view source,
                                                                   const Catalog& catalog,
                                                                   const real::Client& client);

// A list: `- create: {name: …}`, `- update: …`, `- apply: …`, `- delete: name`.
[[nodiscard]] absl::StatusOr<std::vector<Operation>> ParseOperations(std::string_view text,
                                                                     std::string_view source,
                                                                     const Catalog& catalog,
                                                                     const real::Client& client);

// "field.path=value" of --set: puts the value, written as in YAML, into the resource.
[[nodiscard]] absl::Status SetField(google::protobuf::Message& resource,
                                    std::string_view assignment);

// The order in which resources can be created one after another: what is referred to first, parents
// before children; the order of the file where nothing decides.
void SortForCreation(std::vector<Manifest>& manifests);

// The whole file, or standard input for "-".
[[nodiscard]] absl::StatusOr<std::string> ReadInput(const std::string& path);

}  // namespace holdfast::cli
