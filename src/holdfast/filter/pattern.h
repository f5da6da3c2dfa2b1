// Texts with `*` for any run of characters. Internal to filter/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::filter {

class Pattern {
 public:
  // What stands between the asterisks: {"a", "b"} is a*b, {"a"} is a itself. Never empty.
  explicit Pattern(std::vector<std::string> segments) : segments_(std::move(segments)) {}

  // In time linear in the text, for each segment.
  [[nodiscard]] bool matches(std::string_view text) const;

  [[nodiscard]] bool literal() const { return segments_.size() == 1; }
  // What every match begins with.
  [[nodiscard]] const std::string& prefix() const { return segments_.front(); }

 private:
  std::vector<std::string> segments_;
};

// The smallest UTF-8 text greater than all with this prefix (itself UTF-8); empty if there is none.
// Unlike PrefixEnd's bytes it may be given to a database as text.
[[nodiscard]] std::string TextPrefixEnd(std::string_view prefix);

}  // namespace holdfast::filter
