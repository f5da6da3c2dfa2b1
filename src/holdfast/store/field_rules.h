// What google.api.field_behavior says about the fields of a resource, and the canonical order of
// maps: worked out once a message type, so that a write doesn't look at descriptors' options.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace holdfast::store {

// The rules of all message types below one resource type. Immutable; thread-safe.
class FieldRules {
 public:
  // `metadata` is left out of everything: the store keeps it itself. May be null.
  FieldRules(const google::protobuf::Descriptor* resource,
             const google::protobuf::FieldDescriptor* metadata);

  // AIP-203: what clients put into output-only fields is ignored.
  void clear_output_only(google::protobuf::Message& resource) const;
  // Output-only fields of `to` become those of `from`. In repeated fields and maps that differ they
  // are cleared: their elements have no identity.
  void keep_output_only(const google::protobuf::Message& from, google::protobuf::Message& to) const;
  // INVALID_ARGUMENT naming the first immutable field in which the two differ.
  [[nodiscard]] absl::Status check_immutable(const google::protobuf::Message& before,
                                             const google::protobuf::Message& after) const;
  // INVALID_ARGUMENT naming the first required field that is empty, with `prefix` before its path.
  [[nodiscard]] absl::Status check_required(const google::protobuf::Message& resource,
                                            std::string_view prefix) const;
  // Puts the entries of all maps in order of their keys; of entries with one key the last stays.
  // Serialized after this, equal resources have equal bytes.
  void sort_maps(google::protobuf::Message& resource) const;

 private:
  using Field = google::protobuf::FieldDescriptor;
  struct Type {
    std::vector<const Field*> output_only;
    std::vector<const Field*> immutable;
    std::vector<const Field*> required;
    std::vector<const Field*> maps;
    // Message fields below which there is one of the above.
    std::vector<const Field*> nested;
  };

  void add_type(const google::protobuf::Descriptor* type);
  void prune();
  [[nodiscard]] const Type* find(const google::protobuf::Descriptor* type) const;

  void clear_output_only(google::protobuf::Message& message, const Type& type) const;
  void keep_output_only(const google::protobuf::Message& from, google::protobuf::Message& to,
                        const Type& type) const;
  [[nodiscard]] absl::Status check_immutable(const google::protobuf::Message& before,
                                             const google::protobuf::Message& after,
                                             const Type& type) const;
  [[nodiscard]] absl::Status check_required(const google::protobuf::Message& message,
                                            const Type& type, const std::string& path) const;
  void sort_maps(google::protobuf::Message& message, const Type& type) const;

  const google::protobuf::Descriptor* resource_;
  const Field* metadata_;
  // By full name: no order of addresses.
  std::map<std::string, Type> types_;
};

}  // namespace holdfast::store
