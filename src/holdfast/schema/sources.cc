#include "holdfast/schema/sources.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/base/macros.h"
#include "holdfast_protos/embedded.h"

namespace holdfast::schema {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> ReadText(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("can't read ", path.string(), ": ", error.message()));
  }
  if (size > kMaxSourceBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(), " has ", size, " bytes; a .proto file may have at most ", kMaxSourceBytes));
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return absl::InvalidArgumentError(absl::StrCat("can't read ", path.string()));
  return std::move(text).str();
}

absl::Status AddFile(const fs::path& root, const fs::path& path, Sources& sources) {
  const std::string name = path.lexically_relative(root).generic_string();
  HF_ASSIGN_OR_RETURN(std::string text, ReadText(path));
  auto [it, added] = sources.emplace(name, text);
  if (!added && it->second != text) {
    return absl::InvalidArgumentError(
        absl::StrCat("two folders have a file ", name, ", and they differ"));
  }
  if (sources.size() <= kMaxSourceFiles) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("more than ", kMaxSourceFiles, " .proto files below ", root.string()));
}

absl::Status AddRoot(const std::string& folder, Sources& sources) {
  const fs::path root(folder);
  std::error_code error;
  fs::recursive_directory_iterator it(root, error);
  const fs::recursive_directory_iterator end;
  while (!error && it != end) {
    if (it->path().extension() == ".proto" && it->is_regular_file(error)) {
      HF_RETURN_IF_ERROR(AddFile(root, it->path(), sources));
    }
    it.increment(error);
  }
  if (!error) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("can't read the schema folder ", folder, ": ", error.message()));
}

}  // namespace

absl::StatusOr<Sources> ReadRoots(const std::vector<std::string>& roots) {
  Sources sources;
  for (const std::string& root : roots) HF_RETURN_IF_ERROR(AddRoot(root, sources));
  if (!sources.empty()) return sources;
  return absl::InvalidArgumentError("there are no .proto files in the schema folders");
}

std::string DiskPath(const std::vector<std::string>& roots, const std::string& name) {
  for (const std::string& root : roots) {
    std::error_code error;
    const fs::path path = fs::path(root) / name;
    if (fs::is_regular_file(path, error)) return path.lexically_normal().string();
  }
  return name;
}

bool IsBuiltIn(const std::string& name) {
  return BuiltInText(name) != nullptr ||
         google::protobuf::DescriptorPool::generated_pool()->FindFileByName(name) != nullptr;
}

const std::string_view* BuiltInText(const std::string& name) {
  const std::span<const EmbeddedProto> all = EmbeddedProtos();
  auto it = std::find_if(all.begin(), all.end(),
                         [&](const EmbeddedProto& proto) { return proto.path == name; });
  return it == all.end() ? nullptr : &it->text;
}

}  // namespace holdfast::schema
