#include "holdfast/filter/scanner.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::filter {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kQuotes = "\"'`";
constexpr std::string_view kNameEnds = " \t\r\n\"'`().,<>=!:";
constexpr std::string_view kValueEnds = " \t\r\n\"'`(),<>=!";
constexpr size_t kHexDigits = 4;
// So much of what was found is enough to recognize it.
constexpr size_t kFoundBytes = 24;

// A character of the Basic Multilingual Plane, which \uXXXX can name.
void AppendCharacter(std::string& out, uint32_t character) {
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else if (character < 0x800) {
    out += static_cast<char>(0xC0 | (character >> 6));
    out += static_cast<char>(0x80 | (character & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (character >> 12));
    out += static_cast<char>(0x80 | ((character >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (character & 0x3F));
  }
}

std::optional<char> SimpleEscape(char escaped) {
  switch (escaped) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '\\':
    case '"':
    case '\'':
    case '`':
    case '*':
      return escaped;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string Text::str() const { return absl::StrJoin(segments, "*"); }

bool Text::star() const {
  return form == Form::kPlain && segments.size() == 2 && segments[0].empty() && segments[1].empty();
}

void Scanner::skip_space() {
  position_ = std::min(text_.find_first_not_of(kSpace, position_), text_.size());
}

bool Scanner::at_quote() const {
  return !at_end() && kQuotes.find(peek()) != std::string_view::npos;
}

bool Scanner::at_keyword(std::string_view keyword) const {
  const std::string_view rest = text_.substr(position_);
  if (!rest.starts_with(keyword)) return false;
  if (rest.size() == keyword.size()) return true;
  const char next = rest[keyword.size()];
  return next == '(' || next == ')' || kSpace.find(next) != std::string_view::npos;
}

bool Scanner::take(std::string_view symbol) {
  if (!text_.substr(position_).starts_with(symbol)) return false;
  position_ += symbol.size();
  return true;
}

bool Scanner::take_keyword(std::string_view keyword) {
  return at_keyword(keyword) && take(keyword);
}

Text Scanner::take_name() { return take_plain(kNameEnds); }

Text Scanner::take_value() { return take_plain(kValueEnds); }

Text Scanner::take_plain(std::string_view end_characters) {
  Text text{.position = position_};
  const size_t end = std::min(text_.find_first_of(end_characters, position_), text_.size());
  text.segments.emplace_back();
  for (const char c : text_.substr(position_, end - position_)) {
    if (c == '*') {
      text.segments.emplace_back();
    } else {
      text.segments.back() += c;
    }
  }
  position_ = end;
  return text;
}

absl::StatusOr<Text> Scanner::take_quoted() {
  Text text{.position = position_, .form = Text::Form::kQuoted};
  text.segments.emplace_back();
  const char quote = text_[position_++];
  while (!at_end()) {
    const char c = text_[position_++];
    if (c == quote) return text;
    if (c == '\\') {
      HF_RETURN_IF_ERROR(take_escape(text.segments.back()));
    } else if (c == '*') {
      text.segments.emplace_back();
    } else {
      text.segments.back() += c;
    }
  }
  return error(text.position, "the string has no closing quote");
}

absl::Status Scanner::take_escape(std::string& out) {
  const size_t start = position_ - 1;
  if (take("u")) {
    const std::string_view digits = text_.substr(position_, kHexDigits);
    uint32_t character = 0;
    if (digits.size() < kHexDigits ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos ||
        !absl::SimpleHexAtoi(ToAbsl(digits), &character)) {
      return error(start, "expected four hexadecimal digits after \\u");
    }
    if (character >= 0xD800 && character <= 0xDFFF) {
      return error(start, "\\u can't write surrogates: write the character itself");
    }
    AppendCharacter(out, character);
    position_ += kHexDigits;
    return absl::OkStatus();
  }
  const std::optional<char> character = SimpleEscape(peek());
  if (at_end() || !character.has_value()) {
    return error(start, "expected one of \\\\ \\\" \\' \\` \\* \\n \\r \\t \\uXXXX");
  }
  out += *character;
  ++position_;
  return absl::OkStatus();
}

std::string Scanner::found() const {
  if (at_end()) return "the end";
  if (kSpace.find(peek()) != std::string_view::npos) return "a space";
  const std::string_view rest = text_.substr(position_);
  const size_t word = std::min(rest.find_first_of(kNameEnds), rest.size());
  return absl::StrCat("\"", ForMessage(rest.substr(0, std::max<size_t>(word, 1)), kFoundBytes),
                      "\"");
}

absl::Status Scanner::error(size_t position, std::string_view problem) const {
  size_t character = 1;
  for (const char c : text_.substr(0, position)) {
    if ((static_cast<uint8_t>(c) & 0xC0) != 0x80) ++character;
  }
  return FieldError(Reason::kInvalidFilter, "filter",
                    absl::StrCat("at character ", character, ": ", ToAbsl(problem)));
}

}  // namespace holdfast::filter
