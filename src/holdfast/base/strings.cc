#include "holdfast/base/strings.h"

#include <cstdint>
#include <cstdio>

namespace holdfast {
namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

uint8_t ByteAt(std::string_view s, size_t i) { return static_cast<uint8_t>(s[i]); }

// The allowed range of a sequence's second byte keeps out overlong forms, surrogates and what is
// beyond U+10FFFF (RFC 3629, section 4).
bool SecondByteFits(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

// The length of the character at `pos`; 0 if there is no valid one.
size_t CharacterLength(std::string_view s, size_t pos) {
  const uint8_t first = ByteAt(s, pos);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (s.size() - pos < length || !SecondByteFits(first, ByteAt(s, pos + 1))) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((ByteAt(s, pos + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::string Escape(uint8_t byte) {
  if (byte == '\n') return "\\n";
  if (byte == '\r') return "\\r";
  if (byte == '\t') return "\\t";
  char text[8];
  std::snprintf(text, sizeof(text), "\\x%02x", byte);
  return text;
}

std::string EscapedCharacter(std::string_view character, size_t length) {
  const uint8_t first = ByteAt(character, 0);
  const bool escape = length == 0 || first < 0x20 || first == 0x7F;
  return escape ? Escape(first) : std::string(character);
}

std::string ReplacedCharacter(std::string_view character, size_t length) {
  return std::string(length == 0 ? kReplacement : character);
}

// Builds at most `limit` bytes out of `piece(character, valid length)`. `room` remembers where the
// ellipsis would still fit: what is cut is known only when it is too late.
template <class Piece>
std::string Rewrite(std::string_view s, size_t limit, Piece piece) {
  const std::string_view mark = limit >= kEllipsis.size() ? kEllipsis : std::string_view();
  std::string out;
  size_t room = 0;
  for (size_t pos = 0; pos < s.size();) {
    const size_t length = CharacterLength(s, pos);
    const size_t step = length == 0 ? 1 : length;
    const std::string next = piece(s.substr(pos, step), length);
    if (out.size() + next.size() > limit) {
      out.resize(room);
      out += mark;
      return out;
    }
    out += next;
    if (out.size() + mark.size() <= limit) room = out.size();
    pos += step;
  }
  return out;
}

}  // namespace

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && ByteAt(end, end.size() - 1) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(ByteAt(end, end.size() - 1) + 1);
  return end;
}

bool IsUtf8(std::string_view s) {
  for (size_t pos = 0; pos < s.size();) {
    const size_t length = CharacterLength(s, pos);
    if (length == 0) return false;
    pos += length;
  }
  return true;
}

std::string ForMessage(std::string_view s, size_t limit) {
  return Rewrite(s, limit, EscapedCharacter);
}

std::string ToUtf8(std::string_view s, size_t limit) {
  return Rewrite(s, limit, ReplacedCharacter);
}

}  // namespace holdfast
