// The archive service seen from a client: its types by reflection, and Transact batches.
#pragma once

#include <deque>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/archive/packages.h"
#include "holdfast/real/grpc_client.h"

namespace holdfast::archive {

using real::MessagePtr;

// What one kind's resources look like to a client.
struct RemoteKind {
  const google::protobuf::Descriptor* type = nullptr;
  const google::protobuf::MethodDescriptor* list = nullptr;
  const google::protobuf::FieldDescriptor* create = nullptr;  // of TransactOperation
  const google::protobuf::FieldDescriptor* update = nullptr;
  std::string resource_field;  // "package"
};

// Resources as the server sent them, serialized, by name.
struct Listing {
  std::deque<std::string> pages;  // what the views show
  std::unordered_map<std::string_view, std::string_view> by_name;
};

class Remote {
 public:
  // FAILED_PRECONDITION if the server doesn't serve the archive.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Remote>> Connect(const std::string& address);

  [[nodiscard]] const RemoteKind& suites() const { return suites_; }
  [[nodiscard]] const RemoteKind& sources() const { return sources_; }
  [[nodiscard]] const RemoteKind& packages() const { return packages_; }
  [[nodiscard]] const google::protobuf::MethodDescriptor* transact() const { return transact_; }
  [[nodiscard]] real::Client& client() { return *client_; }

  // The wanted resources; without metadata.
  [[nodiscard]] MessagePtr suite(std::string_view suite) const;
  [[nodiscard]] MessagePtr source(std::string_view suite, std::string_view source) const;
  // `recommends`: which of the package's to fill in.
  [[nodiscard]] MessagePtr package(std::string_view suite, const Index& index,
                                   const Package& package,
                                   const std::vector<size_t>& recommends) const;

  // All of a kind below `parent`, metadata left out. In pages of 1000.
  [[nodiscard]] absl::StatusOr<Listing> list(const RemoteKind& kind, const std::string& parent);
  // Is a listed resource, as it came, the same as a wanted one, serialized? Equal bytes are; of
  // others it takes parsing to know.
  [[nodiscard]] bool same(const RemoteKind& kind, std::string_view listed,
                          const std::string& wanted) const;

  // A Transact request with a fresh request_id, so that it can be sent again after any failure.
  [[nodiscard]] MessagePtr new_batch(std::string_view request_id) const;
  static void AddCreate(google::protobuf::Message& batch, const RemoteKind& kind,
                        const google::protobuf::Message& resource);
  static void AddUpdate(google::protobuf::Message& batch, const RemoteKind& kind,
                        const google::protobuf::Message& resource);

 private:
  explicit Remote(std::unique_ptr<real::Client> client) : client_(std::move(client)) {}
  [[nodiscard]] absl::Status FindTypes();
  [[nodiscard]] std::future<absl::StatusOr<std::string>> fetch(
      const google::protobuf::MethodDescriptor* list, const google::protobuf::Message& request);
  [[nodiscard]] absl::Status FindKind(std::string_view message, std::string_view singular,
                                      std::string_view plural, RemoteKind& kind);

  std::unique_ptr<real::Client> client_;
  RemoteKind suites_;
  RemoteKind sources_;
  RemoteKind packages_;
  const google::protobuf::MethodDescriptor* transact_ = nullptr;
};

// A wanted resource, which has no metadata, as the server would serialize it.
[[nodiscard]] std::string Serialize(const google::protobuf::Message& resource);

// The last two segments of a name split off: {"suites/bookworm", "libc6"}.
struct SplitName {
  std::string parent;
  std::string id;
};
[[nodiscard]] SplitName Split(std::string_view name);

}  // namespace holdfast::archive
