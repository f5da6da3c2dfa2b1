// Reads a Debian `Packages` index (deb-control format, see deb822(5)).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace holdfast::archive {

// One stanza, as far as the import wants it. `depends` and `recommends` are already resolved: of
// each clause the first alternative that the index has, each target once, in order of name.
struct Package {
  std::string name;
  std::string version;
  std::string section;
  std::string priority;
  std::string description;
  std::string maintainer;
  std::string source;  // the name of the source package
  int64_t installed_size = 0;
  std::vector<size_t> depends;     // indexes into Index::packages
  std::vector<size_t> recommends;  // the same
};

struct Index {
  std::vector<Package> packages;     // in order of first appearance, names unique
  std::vector<std::string> sources;  // in order of name, unique
};

// `text` is the whole list. Of repeated stanzas the first counts. INVALID_ARGUMENT with the line
// number for what isn't a control file.
[[nodiscard]] absl::StatusOr<Index> ParsePackages(std::string_view text);

}  // namespace holdfast::archive
