// AIP-122 resource names and AIP-4231 patterns: "projects/{project}/vpcs/{vpc}".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/base/types.h"

namespace holdfast::schema {

// Limits of names. A name longer than this is refused before anything else looks at it.
inline constexpr size_t kMaxNameBytes = 1024;
inline constexpr size_t kMaxIdBytes = 256;

// Is this a well-formed id, the part of a name that clients choose? 1 to 256 bytes of letters,
// digits and -._~+:@%=, not "-" (the wildcard), not "." or "..". INVALID_ARGUMENT says what is
// wrong.
[[nodiscard]] absl::Status CheckId(std::string_view id);

// A name or pattern as its segments; views into `text`.
[[nodiscard]] std::vector<std::string_view> Segments(std::string_view text);

class NamePattern {
 public:
  // Collection ids and {variables} in turn, as in "projects/{project}/vpcs/{vpc}"; ends with a
  // variable.
  [[nodiscard]] static absl::StatusOr<NamePattern> Parse(std::string_view pattern);

  [[nodiscard]] const std::string& text() const { return text_; }
  // The last collection: "vpcs".
  [[nodiscard]] const std::string& collection() const;
  // Variables in order: {"project", "vpc"}.
  [[nodiscard]] const std::vector<std::string>& variables() const { return variables_; }
  // The pattern without its last collection and variable, and without a trailing
  // "regions/{region}" that it then ends with; empty for a top-level pattern.
  [[nodiscard]] const std::string& parent_text() const { return parent_text_; }
  [[nodiscard]] bool is_regional() const;

  // Does a name match, with every id well formed?
  [[nodiscard]] bool matches(std::string_view name) const;
  // The values of variables() in order; nullopt if it doesn't match.
  [[nodiscard]] std::optional<std::vector<std::string>> values(std::string_view name) const;
  // The parent's name: the first segments of `name`, as many as parent_text() has. `name` must
  // match.
  [[nodiscard]] std::string_view parent_of(std::string_view name) const;

  // What List and Watch take as `parent`: the pattern without the last two segments
  // ("projects/{project}/regions/{region}"), ids perhaps "-" for any.
  [[nodiscard]] bool matches_collection_parent(std::string_view parent) const;
  // Is `name` (which matches the pattern) below that perhaps wildcarded collection parent?
  [[nodiscard]] static bool IsBelow(std::string_view name, std::string_view parent);
  // The part of `parent` before its first "-": names below it begin with this. Ends with "/" or is
  // empty.
  [[nodiscard]] static std::string ScanPrefix(std::string_view parent);

 private:
  std::string text_;
  std::vector<std::string> segments_;  // "projects", "{project}", …
  std::vector<std::string> variables_;
  std::string parent_text_;
};

}  // namespace holdfast::schema
