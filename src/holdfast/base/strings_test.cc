#include "holdfast/base/strings.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast {
namespace {

TEST(PrefixEnd, IsTheNextStringAfterAllWithThePrefix) {
  EXPECT_EQ(PrefixEnd("projects/"), "projects0");
  EXPECT_EQ(PrefixEnd(std::string("a\xff\xff", 3)), "b");
  EXPECT_EQ(PrefixEnd("\x7f"), "\x80");
}

TEST(PrefixEnd, IsNoEndForNothingAndForOnlyTheLastByte) {
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
}

RC_GTEST_PROP(PrefixEnd, SplitsStringsIntoThoseWithThePrefixAndGreaterOnes,
              (const std::string& prefix, const std::string& other)) {
  const std::string end = PrefixEnd(prefix);
  const std::string with_prefix = prefix + other;
  RC_ASSERT(end.empty() || with_prefix < end);
  const bool starts_with = other.compare(0, prefix.size(), prefix) == 0;
  const bool in_range = other >= prefix && (end.empty() || other < end);
  RC_ASSERT(starts_with == in_range);
}

TEST(IsUtf8, KnowsRfc3629) {
  for (const char* good : {"", "a", "ü", "€", "😀", "\u07ff", "\ud7ff", "\U0010ffff"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {
           "\x80",              // continuation without a start
           "\xc3",              // cut
           "\xe2\x82",          // cut
           "\xc0\xaf",          // overlong
           "\xe0\x80\xaf",      // overlong
           "\xf0\x80\x80\xaf",  // overlong
           "\xed\xa0\x80",      // surrogate
           "\xf4\x90\x80\x80",  // beyond U+10FFFF
           "\xf8\x88\x80\x80",  // five bytes
           "\xff",
       }) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(ForMessage, ShowsPrintableTextAsItIs) { EXPECT_EQ(ForMessage("vpcs/größe"), "vpcs/größe"); }

TEST(ForMessage, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(ForMessage("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(ForMessage("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(ForMessage(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(ForMessage("\x7f"), "\\x7f");
  EXPECT_EQ(ForMessage("\xff"), "\\xff");
}

TEST(ForMessage, CutsAtACharacterAndSaysSo) {
  EXPECT_EQ(ForMessage("123456", 6), "123456");
  EXPECT_EQ(ForMessage("1234567", 6), "123…");
  EXPECT_EQ(ForMessage("ääää", 6), "ä…");
  EXPECT_EQ(ForMessage("ab\x01"
                       "cdef",
                       8),
            "ab…")
      << "an escape isn't cut in two";
  EXPECT_EQ(ForMessage("abc", 2), "ab") << "no room for an ellipsis";
  EXPECT_EQ(ForMessage("abc", 0), "");
}

TEST(ForMessage, TakesAMegabyteOfAnything) {
  EXPECT_LE(ForMessage(std::string(1 << 20, '\xc3')).size(), 120u);
}

RC_GTEST_PROP(ForMessage, KeepsItsLimitAndIsUtf8, (const std::string& any)) {
  const size_t limit = *rc::gen::inRange<size_t>(0, 40);
  const std::string text = ForMessage(any, limit);
  RC_ASSERT(text.size() <= limit);
  RC_ASSERT(IsUtf8(text));
}

RC_GTEST_PROP(ToUtf8, KeepsItsLimitAndIsUtf8AndLeavesUtf8Alone, (const std::string& any)) {
  const size_t limit = *rc::gen::inRange<size_t>(0, 40);
  const std::string text = ToUtf8(any, limit);
  RC_ASSERT(text.size() <= limit);
  RC_ASSERT(IsUtf8(text));
  if (IsUtf8(any) && any.size() <= limit) RC_ASSERT(text == any);
}

TEST(ToUtf8, ReplacesEachBadByteAndKeepsControlCharacters) {
  EXPECT_EQ(ToUtf8("a\xff\xfe\n", 100), "a\uFFFD\uFFFD\n");
}

}  // namespace
}  // namespace holdfast
