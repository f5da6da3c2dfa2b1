#include "holdfast/filter/pattern.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "absl/strings/str_split.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/test_random.h"

namespace holdfast::filter {
namespace {

// The definition, letter by letter. Exponential, but right.
bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && text.front() == pattern.front() &&
           Matches(pattern.substr(1), text.substr(1));
  }
  return Matches(pattern.substr(1), text) || (!text.empty() && Matches(pattern, text.substr(1)));
}

RC_GTEST_PROP(Pattern, AgreesWithTheDefinition, ()) {
  const auto word = [](std::string_view letters, int longest) {
    std::string text;
    for (int n = *rc::gen::inRange(0, longest); n > 0; --n) {
      text +=
          letters[static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(letters.size())))];
    }
    return text;
  };
  const std::string pattern = word("ab**", 7);
  const Pattern parsed(absl::StrSplit(pattern, '*'));
  for (int i = 0; i < 10; ++i) {
    const std::string text = word("ab", 8);
    RC_LOG() << pattern << " on " << text << "\n";
    RC_ASSERT(parsed.matches(text) == Matches(pattern, text));
  }
}

TEST(Pattern, TakesHostileTextsInReasonableTime) {
  // Trying every place for every segment would be 10^11 comparisons.
  const std::string text(1 << 20, 'a');
  const std::string segment = std::string(1 << 17, 'a') + "b";
  EXPECT_FALSE(Pattern({"", segment, ""}).matches(text));
  EXPECT_FALSE(Pattern(std::vector<std::string>(8000, "a")).matches(std::string(7999, 'a')));
  EXPECT_TRUE(Pattern(std::vector<std::string>(8000, "a")).matches(std::string(8000, 'a')));
}

TEST(TextPrefixEnd, IsTheNextTextAfterAllWithThePrefix) {
  EXPECT_EQ(TextPrefixEnd("abc"), "abd");
  EXPECT_EQ(TextPrefixEnd("a\x7f"), "a\u0080");
  EXPECT_EQ(TextPrefixEnd("\u07ff"), "\u0800");
  EXPECT_EQ(TextPrefixEnd("\ud7ff"), "\ue000");  // over the surrogates
  EXPECT_EQ(TextPrefixEnd("\uffff"), "\U00010000");
  EXPECT_EQ(TextPrefixEnd("a\U0010ffff"), "b");
  EXPECT_EQ(TextPrefixEnd("\U0010ffff"), "");
  EXPECT_EQ(TextPrefixEnd(""), "");
}

RC_GTEST_PROP(TextPrefixEnd, DividesTextsByTheirPrefix, ()) {
  const std::string prefix = RandomText();
  const std::string text = RandomText() + RandomText();
  const std::string end = TextPrefixEnd(prefix);
  RC_ASSERT(IsUtf8(end));
  const bool in_range = text >= prefix && (end.empty() || text < end);
  RC_ASSERT(in_range == text.starts_with(prefix));
}

}  // namespace
}  // namespace holdfast::filter
