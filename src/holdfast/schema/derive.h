// The API that follows from the kinds of one package: services, requests, responses, HTTP paths.
//
// Names and numbers here are promises to clients: nothing is renumbered or reused. Field numbers
// that depend on kinds are hashes of the field's name (see FieldNumber), so that they stay when
// kinds come and go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.pb.h"
#include "holdfast/schema/model.h"

namespace holdfast::schema {

// "acme.network.v1" -> "acme/network/v1/holdfast_api.proto".
[[nodiscard]] std::string DerivedFileName(std::string_view package);

// 20000 + Fnv1a64(name) mod (536870911 - 20000): below protobuf's highest number, above its
// reserved ones.
[[nodiscard]] int32_t FieldNumber(std::string_view field_name);

// Which method of the derived file is what; in the order of Service::methods.
struct DerivedMethod {
  std::string service;  // "VpcService"
  std::string name;     // "CreateVpc"
  Verb verb = Verb::kGet;
  const Kind* kind = nullptr;
};

struct DerivedApi {
  google::protobuf::FileDescriptorProto file;
  std::vector<DerivedMethod> methods;
};

// Kinds that lack a plural are left out (the linter says so). No kinds: an empty file, not to be
// built.
[[nodiscard]] DerivedApi DeriveApi(const ServiceDraft& service);

// The HTTP bindings of a method, the main one first. Empty: none.
[[nodiscard]] std::vector<HttpRule> HttpRulesOf(const ServiceDraft& service,
                                                const DerivedMethod& method);

}  // namespace holdfast::schema
