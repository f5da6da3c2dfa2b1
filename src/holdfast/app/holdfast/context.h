// What every command has: the server, its kinds, and where and how to print.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
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
  [[nodiscard]] real::CallOptions call_options() const;

  // Calls a method of a kind ("Get"); UNIMPLEMENTED if the server hasn't got it.
  [[nodiscard]] absl::StatusOr<const google::protobuf::MethodDescriptor*> method(
      const ServedKind& kind, std::string_view verb) const;
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

// Fields of messages whose types are known only at run time, by name. The field must be there.
void SetText(google::protobuf::Message& message, std::string_view field, std::string value);
void AddText(google::protobuf::Message& message, std::string_view field, std::string value);
void SetNumber(google::protobuf::Message& message, std::string_view field, int64_t value);
void SetFlag(google::protobuf::Message& message, std::string_view field);
[[nodiscard]] std::string GetText(const google::protobuf::Message& message,
                                  std::string_view field);
[[nodiscard]] int64_t GetNumber(const google::protobuf::Message& message, std::string_view field);
[[nodiscard]] google::protobuf::Message* Mutable(google::protobuf::Message& message,
                                                 std::string_view field);
// The elements of a repeated message field.
[[nodiscard]] std::vector<const google::protobuf::Message*> Elements(
    const google::protobuf::Message& message, std::string_view field);

// The error as a person reads it: the message, then what its details add, a line each.
[[nodiscard]] std::string Explain(const absl::Status& status);

// Scripts may rely on these.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,        // anything else
  kExitUsage = 2,         // bad flags, bad input
  kExitNotFound = 3,
  kExitRefused = 4,       // FAILED_PRECONDITION, ALREADY_EXISTS, RESOURCE_EXHAUSTED
  kExitConflict = 5,      // ABORTED: read again and retry
  kExitUnavailable = 6,   // UNAVAILABLE, DEADLINE_EXCEEDED: retry
};
[[nodiscard]] ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace holdfast::cli
