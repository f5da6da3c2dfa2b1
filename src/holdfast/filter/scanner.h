// Reads a filter's text piece by piece. What a character means depends on where it stands (`-` and
// `:` are operators before a field, and text within a value), so the parser says what it expects.
// Internal to filter/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holdfast::filter {

// A field's name, a map's key or a value, as it was written.
struct Text {
  enum class Form { kPlain, kQuoted };

  size_t position = 0;
  Form form = Form::kPlain;
  // What stands between its wildcards: {"a", "b"} for a*b, {"a"} for a.
  std::vector<std::string> segments;

  // With the wildcards as asterisks.
  [[nodiscard]] std::string str() const;
  // An asterisk without quotes.
  [[nodiscard]] bool star() const;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_space();
  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] bool at_end() const { return position_ >= text_.size(); }
  // NUL at the end.
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[position_]; }
  [[nodiscard]] bool at_quote() const;
  // AND, OR or NOT, and not merely a word that begins so.
  [[nodiscard]] bool at_keyword(std::string_view keyword) const;

  // Takes what is there, if it is this.
  bool take(std::string_view symbol);
  bool take_keyword(std::string_view keyword);

  // Characters without quotes that can stand in a field's name or a value; empty if there are none.
  [[nodiscard]] Text take_name();
  [[nodiscard]] Text take_value();
  // At a quote: up to the closing one, escapes replaced.
  [[nodiscard]] absl::StatusOr<Text> take_quoted();

  // What is at the position, for "expected …, found …".
  [[nodiscard]] std::string found() const;
  // INVALID_FILTER at a position.
  [[nodiscard]] absl::Status error(size_t position, std::string_view problem) const;
  [[nodiscard]] absl::Status error_here(std::string_view problem) const {
    return error(position_, problem);
  }

 private:
  [[nodiscard]] Text take_plain(std::string_view end_characters);
  [[nodiscard]] absl::Status take_escape(std::string& out);

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace holdfast::filter
