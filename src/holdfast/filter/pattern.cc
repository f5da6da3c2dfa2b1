#include "holdfast/filter/pattern.h"

#include <cstdint>
#include <cstring>

namespace holdfast::filter {
namespace {

constexpr char32_t kLastCharacter = 0x10FFFF;

// Through memmem, which unlike std::string::find is linear also for hostile texts.
size_t Find(std::string_view text, std::string_view segment) {
  if (segment.empty()) return 0;
  const void* found = memmem(text.data(), text.size(), segment.data(), segment.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

// Removes the last character of a UTF-8 text and returns it.
char32_t PopCharacter(std::string& text) {
  size_t start = text.size() - 1;
  while (start > 0 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
  const auto first = static_cast<uint8_t>(text[start]);
  char32_t character = first < 0x80   ? first
                       : first < 0xE0 ? first & 0x1F
                       : first < 0xF0 ? first & 0x0F
                                      : first & 0x07;
  for (size_t i = start + 1; i < text.size(); ++i) {
    character = (character << 6) | (static_cast<uint8_t>(text[i]) & 0x3F);
  }
  text.resize(start);
  return character;
}

void AppendCharacter(std::string& text, char32_t character) {
  const auto tail = [&](int shift) {
    text += static_cast<char>(0x80 | ((character >> shift) & 0x3F));
  };
  if (character < 0x80) {
    text += static_cast<char>(character);
  } else if (character < 0x800) {
    text += static_cast<char>(0xC0 | (character >> 6));
    tail(0);
  } else if (character < 0x10000) {
    text += static_cast<char>(0xE0 | (character >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (character >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

bool Pattern::matches(std::string_view text) const {
  if (literal()) return text == segments_.front();
  const std::string& suffix = segments_.back();
  if (text.size() < prefix().size() + suffix.size()) return false;
  if (!text.starts_with(prefix()) || !text.ends_with(suffix)) return false;
  std::string_view middle = text;
  middle.remove_prefix(prefix().size());
  middle.remove_suffix(suffix.size());
  for (size_t i = 1; i + 1 < segments_.size(); ++i) {
    const size_t found = Find(middle, segments_[i]);
    if (found == std::string_view::npos) return false;
    middle.remove_prefix(found + segments_[i].size());
  }
  return true;
}

std::string TextPrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    const char32_t last = PopCharacter(end);
    if (last == kLastCharacter) continue;
    // Surrogates aren't characters.
    AppendCharacter(end, last == 0xD7FF ? 0xE000 : last + 1);
    return end;
  }
  return end;
}

}  // namespace holdfast::filter
