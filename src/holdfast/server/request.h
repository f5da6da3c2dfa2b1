// Reading derived requests by reflection: their fields by name, and the checks that several verbs
// share. Errors name the request's field. Internal to server/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/schema/schema.h"
#include "holdfast/store/store.h"

namespace holdfast::server {

// Pages: 0 means the default, more than the maximum the maximum (AIP-158).
inline constexpr size_t kDefaultPageSize = 50;
inline constexpr size_t kMaxPageSize = 1000;
// BatchGet answers in one message from one snapshot: as many as the largest page.
inline constexpr size_t kMaxBatchGet = 1000;
// UUIDs have 36 bytes; room for clients that put more meaning in.
inline constexpr size_t kMaxRequestIdBytes = 128;
// Labels are shown in errors.
inline constexpr size_t kMaxLabelBytes = 128;
// gRPC clients accept 4 MiB a message by default: pages end before. One resource alone may be
// larger.
inline constexpr size_t kMaxResponseBytes = 3 << 20;

// The fields of a derived request that mean something; nullptr where it hasn't one.
struct RequestFields {
  using Field = const google::protobuf::FieldDescriptor*;
  RequestFields(const google::protobuf::Descriptor* request, const schema::Kind* kind);

  Field name, names, parent, id, resource;
  Field page_size, page_token, filter, order_by, show_deleted;
  Field read_mask, update_mask, allow_missing, force, etag, plan_digest;
  Field request_id, validate_only, resume_token, operations, label;
};

// Values of optional fields: the default where `field` is nullptr.
[[nodiscard]] std::string Text(const google::protobuf::Message& request,
                               RequestFields::Field field);
[[nodiscard]] bool IsSet(const google::protobuf::Message& request, RequestFields::Field field);
[[nodiscard]] int64_t Number(const google::protobuf::Message& request, RequestFields::Field field);

// INVALID_NAME unless `text` is a name of the kind. `field` is where it stands.
[[nodiscard]] absl::StatusOr<ResourceName> ReadName(const schema::Kind& kind, std::string text,
                                                    std::string_view field);
// A name of any kind of the service.
[[nodiscard]] absl::StatusOr<ResourceKey> ReadKey(const schema::Schema& schema,
                                                  const schema::Service& service, std::string text,
                                                  std::string_view field);

enum class Wildcards { kRefused, kAllowed };
// The pattern whose collection `parent` names; INVALID_NAME if there is none.
[[nodiscard]] absl::StatusOr<const schema::NamePattern*> FindCollection(const schema::Kind& kind,
                                                                        std::string_view parent,
                                                                        std::string_view field,
                                                                        Wildcards wildcards);

// The paths of a mask field; none if it isn't there.
[[nodiscard]] std::vector<std::string> MaskPaths(const google::protobuf::Message& request,
                                                 RequestFields::Field field);
// Of a read mask.
[[nodiscard]] absl::StatusOr<filter::FieldMask> ReadMask(const google::protobuf::Message& request,
                                                         RequestFields::Field field,
                                                         const google::protobuf::Descriptor* type,
                                                         std::string_view path);
// `fallback` for 0, INVALID_FIELD below, kMaxPageSize above it.
[[nodiscard]] absl::StatusOr<size_t> ReadPageSize(const google::protobuf::Message& request,
                                                  RequestFields::Field field, size_t fallback);
// Printable ASCII of at most `limit` bytes. Empty is fine.
[[nodiscard]] absl::Status CheckPrintable(std::string_view text, size_t limit,
                                          std::string_view field);

// What identifies a request: its method and all of its fields but those left out.
[[nodiscard]] std::string HashRequest(std::string_view method,
                                      const google::protobuf::Message& request,
                                      const std::vector<RequestFields::Field>& left_out);

// validate_only and request_id of a write; `ops` are the caller's.
[[nodiscard]] absl::StatusOr<store::WriteRequest> ReadWriteOptions(
    std::string_view method, const google::protobuf::Message& request, const RequestFields& fields);

}  // namespace holdfast::server
