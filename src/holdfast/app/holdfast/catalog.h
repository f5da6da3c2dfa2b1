// The kinds that a server serves, found by reflection: which methods a name or a word means.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/real/grpc_client.h"
#include "holdfast/schema/name_pattern.h"

namespace holdfast::cli {

// A resource's name as Create takes it: "suites/bookworm/packages/libc6" without its collection.
struct NameParts {
  std::string parent;  // "suites/bookworm"; empty for a top-level name
  std::string id;      // "libc6"
};
[[nodiscard]] NameParts SplitName(std::string_view name);

struct ServedKind {
  std::string name;      // "archive.example.com/Package"
  std::string message;   // "Package"
  std::string singular;  // "package": the field of Create and Update requests
  std::string plural;    // "packages"
  std::string package;   // "archive.v1"
  std::vector<schema::NamePattern> patterns;
  const google::protobuf::Descriptor* type = nullptr;
  // By verb: "Get", "List", "Create", "Update", "Delete", "Watch", "WatchCollection".
  std::map<std::string, const google::protobuf::MethodDescriptor*, std::less<>> methods;

  [[nodiscard]] const google::protobuf::MethodDescriptor* method(std::string_view verb) const;
};

class Catalog {
 public:
  // Reads the descriptors that the client has got.
  explicit Catalog(const real::Client& client);

  // In order of name.
  [[nodiscard]] const std::vector<ServedKind>& kinds() const { return kinds_; }

  // "Package", "packages", "package", "archive.example.com/Package", in any case of letters; or the
  // collection's id in names, if no kind is called so. NOT_FOUND lists what there is;
  // INVALID_ARGUMENT if it may be several.
  [[nodiscard]] absl::StatusOr<const ServedKind*> find(std::string_view word) const;
  // The kind whose pattern the resource name has. INVALID_ARGUMENT if several services have one.
  [[nodiscard]] absl::StatusOr<const ServedKind*> find_by_name(std::string_view name) const;
  // "suites/bookworm/packages" or "packages": the kind, and the parent ("suites/bookworm", or
  // "suites/-" when it isn't given: all there are).
  struct Collection {
    const ServedKind* kind = nullptr;
    std::string parent;
  };
  [[nodiscard]] absl::StatusOr<Collection> find_collection(std::string_view text) const;
  // Kinds whose parents are of this kind.
  struct Child {
    const ServedKind* kind = nullptr;
    // What stands between the parent's name and the collection: "" or "/regions/-".
    std::string between;
  };
  [[nodiscard]] std::vector<Child> children_of(const ServedKind& kind) const;

 private:
  std::vector<ServedKind> kinds_;
};

}  // namespace holdfast::cli
