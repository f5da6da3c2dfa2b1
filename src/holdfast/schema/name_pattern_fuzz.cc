// Names and patterns from strangers: no crash, and what matches can be taken apart and put
// together again.
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/schema/name_pattern.h"

namespace holdfast::schema {
namespace {

// The name that `pattern` makes of `values`.
std::string Fill(const NamePattern& pattern, const std::vector<std::string>& values) {
  std::string name;
  size_t next = 0;
  bool variable = false;
  for (std::string_view segment : Segments(pattern.text())) {
    if (!name.empty()) name += '/';
    name += variable ? values[next++] : std::string(segment);
    variable = !variable;
  }
  return name;
}

void CheckName(const NamePattern& pattern, std::string_view name) {
  const auto values = pattern.values(name);
  HF_CHECK(values.has_value() == pattern.matches(name));
  if (!values) return;
  HF_CHECK(Fill(pattern, *values) == name);
  const std::string_view parent = pattern.parent_of(name);
  HF_CHECK(name.starts_with(parent));
  HF_CHECK(parent.empty() || NamePattern::IsBelow(name, parent));
}

void CheckParent(const NamePattern& pattern, std::string_view parent) {
  if (!pattern.matches_collection_parent(parent)) return;
  const std::string prefix = NamePattern::ScanPrefix(parent);
  HF_CHECK(std::string(parent).append("/").starts_with(prefix) || parent.empty());
}

}  // namespace
}  // namespace holdfast::schema

// The input: a pattern, a newline, a name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::schema;  // NOLINT(google-build-using-namespace)
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  const std::string_view name = end == std::string_view::npos ? input : input.substr(end + 1);
  static_cast<void>(CheckId(name));
  static const NamePattern fixed = *NamePattern::Parse("projects/{project}/vpcs/{vpc}");
  CheckName(fixed, name);
  CheckParent(fixed, name);
  const auto parsed = NamePattern::Parse(input.substr(0, end));
  if (!parsed.ok()) return 0;
  CheckName(*parsed, name);
  CheckParent(*parsed, name);
  return 0;
}
