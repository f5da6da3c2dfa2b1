// What every command has: the server, its kinds, and how to print.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "holdfast/app/holdfast/catalog.h"
#include "holdfast/app/holdfast/output.h"
#include "holdfast/real/grpc_client.h"

namespace holdfast::cli {

struct GlobalFlags {
  std::string server = "127.0.0.1:7443";
  std::string output = "table";
  double timeout_seconds = 300;
};

class Context {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Context>> Connect(const GlobalFlags& flags);

  [[nodiscard]] real::Client& client() { return *client_; }
  [[nodiscard]] const Catalog& catalog() const { return *catalog_; }
  [[nodiscard]] Format format() const { return format_; }

  // Calls a method and waits for its answer, for as long as --timeout says.
  [[nodiscard]] absl::StatusOr<real::MessagePtr> call(
      const google::protobuf::MethodDescriptor* method, const google::protobuf::Message& request);

  // A method of a kind ("Get"); UNIMPLEMENTED if the server hasn't got it.
  [[nodiscard]] static absl::StatusOr<const google::protobuf::MethodDescriptor*> Method(
      const ServedKind& kind, std::string_view verb);
  // A method of a package's own services: "References.ListReferrers".
  [[nodiscard]] absl::StatusOr<const google::protobuf::MethodDescriptor*> package_method(
      const ServedKind& kind, std::string_view name) const;

 private:
  Context() = default;
  std::unique_ptr<real::Client> client_;
  std::unique_ptr<Catalog> catalog_;
  Format format_ = Format::kTable;
  double timeout_seconds_ = 0;
};

}  // namespace holdfast::cli
