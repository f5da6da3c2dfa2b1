// The texts of .proto files, from folders or given directly. The only file access of this module.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace holdfast::schema {

// A schema beyond these is a folder given by mistake (a source tree, a home directory).
inline constexpr size_t kMaxSourceFiles = 2000;
inline constexpr size_t kMaxSourceBytes = 4 * 1024 * 1024;  // of one file

// By the name that an `import` finds the file under.
using Sources = std::map<std::string, std::string>;

// All .proto files below the folders, recursively, named relative to their folder. The same name
// with different content in two folders is refused.
[[nodiscard]] absl::StatusOr<Sources> ReadRoots(const std::vector<std::string>& roots);

// Where a file of ReadRoots lies: the root it was found in and its name. Unchanged if in none.
[[nodiscard]] std::string DiskPath(const std::vector<std::string>& roots, const std::string& name);

// Is this a file that users import without bringing it: google/protobuf, google/api, holdfast, …?
[[nodiscard]] bool IsBuiltIn(const std::string& name);
// Its text; nullptr if there is none. Lives forever.
[[nodiscard]] const std::string_view* BuiltInText(const std::string& name);

}  // namespace holdfast::schema
