// Schemas as tests of the linter and of breaking changes write them: what is wrong stands in the
// test, the rest is made here. Only for tests.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace holdfast::schema {

using Files = std::vector<std::pair<std::string, std::string>>;

inline constexpr char kImports[] = R"(
import "google/api/field_behavior.proto";
import "google/api/resource.proto";
import "google/protobuf/timestamp.proto";
import "holdfast/annotations.proto";
import "holdfast/meta.proto";
)";

inline std::string Header(const std::string& package, const std::string& service,
                          const std::string& mark = "") {
  return absl::StrCat("syntax = \"proto3\";\n", package.empty() ? "" : "package ", package,
                      package.empty() ? "" : ";", kImports, mark,
                      service.empty() ? "" : "option (holdfast.service) = { ", service,
                      service.empty() ? "" : " };\n");
}

// Package p.v1, domain p.example.com.
inline std::string InP(const std::string& body) {
  return Header("p.v1", "domain: 'p.example.com' version: 'v1'") + body;
}

inline constexpr char kNameAndMetadata[] = "string name = 1; holdfast.Meta metadata = 2;";

// What a test says about a kind; the rest is as it should be.
struct Written {
  std::string message = "Vpc";
  std::string pattern = "vpcs/{vpc}";
  std::string plural = "vpcs";
  std::string resource = "";  // more in google.api.resource
  std::string rules = "";     // in holdfast.resource
  std::string fields = "";    // more fields
  std::string fixed = kNameAndMetadata;
  std::string domain = "p.example.com";
  enum class Mark { kNone, kMessage, kResource, kRules } mark = Mark::kNone;
};

inline std::string KindText(const Written& k) {
  auto mark = [&](Written::Mark here) { return k.mark == here ? "@@" : ""; };
  const std::string pattern = k.pattern.empty() ? "" : absl::StrCat(" pattern: '", k.pattern, "'");
  const std::string plural = k.plural.empty() ? "" : absl::StrCat(" plural: '", k.plural, "'");
  return absl::StrCat(mark(Written::Mark::kMessage), "message ", k.message, " {\n  ",
                      mark(Written::Mark::kResource), "option (google.api.resource) = { type: '",
                      k.domain, "/", k.message, "'", pattern, plural, k.resource, " };\n  ",
                      mark(Written::Mark::kRules),
                      k.rules.empty() ? "" : "option (holdfast.resource) = { ", k.rules,
                      k.rules.empty() ? "" : " };", "\n  ", k.fixed, "\n  ", k.fields, "\n}\n");
}

inline std::string Project(const std::string& domain = "p.example.com") {
  return KindText({.message = "Project",
                   .pattern = "projects/{project}",
                   .plural = "projects",
                   .domain = domain});
}

inline std::string Reference(const std::string& target, const std::string& behaviour = "",
                             const std::string& more = "") {
  return absl::StrCat("(google.api.resource_reference).type = '", target, "'",
                      behaviour.empty() ? "" : ", (holdfast.reference) = { on_delete: ", behaviour,
                      behaviour.empty() ? "" : " }", more);
}

// Takes "@@" out of the files; says where it was.
inline std::string TakeMark(Files& files) {
  for (auto& [name, text] : files) {
    const size_t at = text.find("@@");
    if (at == std::string::npos) continue;
    text.erase(at, 2);
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
    const size_t start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    return absl::StrCat(name, ":", line, ":", at - start + 1);
  }
  return "no mark";
}

}  // namespace holdfast::schema
