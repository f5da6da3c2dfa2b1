// .proto texts -> descriptors, in a pool on top of the generated one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "holdfast/schema/schema.h"
#include "holdfast/schema/sources.h"

namespace holdfast::schema {

// Findings of the compiler itself carry this rule.
inline constexpr std::string_view kSyntaxRule = "syntax";

struct Compiled {
  // Its underlay is the generated pool: holdfast.*, google.* are the descriptors that C++ classes
  // were generated for.
  std::unique_ptr<google::protobuf::DescriptorPool> pool;
  // What the author wrote, in order of name; files that are built in are left out.
  std::vector<const google::protobuf::FileDescriptor*> files;
};

// Compiles all sources. What can't be compiled is missing from the result and is in `findings`.
[[nodiscard]] Compiled Compile(const Sources& sources, std::vector<Diagnostic>& findings);

}  // namespace holdfast::schema
