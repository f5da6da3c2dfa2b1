#include "holdfast/real/json_target.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/testing/covers.h"

namespace holdfast::real {
namespace {

// "a|b ? k=v|l=w", or "REASON field: …".
std::string Parsed(std::string_view text) {
  const absl::StatusOr<Target> target = ParseTarget(text);
  if (!target.ok()) {
    return absl::StrCat(ToAbsl(ReasonText(*ReasonOf(target.status()))), " ",
                        target.status().message());
  }
  std::vector<std::string> query;
  for (const Parameter& p : target->query) query.push_back(p.name + "=" + p.value);
  return absl::StrJoin(target->segments, "|") +
         (query.empty() ? "" : " ? " + absl::StrJoin(query, "|"));
}

TEST(Target, SplitsPathAndQuery) {
  EXPECT_EQ(Parsed("/v1/projects/p1?pageSize=5&x="), "v1|projects|p1 ? pageSize=5|x=");
  EXPECT_EQ(Parsed("/"), "");
  EXPECT_EQ(Parsed("/a?"), "a");
  EXPECT_EQ(Parsed("/a?&b&&c=1&"), "a ? b=|c=1");
  EXPECT_EQ(Parsed("/a?b=c=d"), "a ? b=c=d");
  EXPECT_EQ(Parsed("/a//b/"), "a||b|");
}

TEST(Target, DecodesAfterSplitting) {
  EXPECT_EQ(Parsed("/a%2Fb/c"), "a/b|c");
  EXPECT_EQ(Parsed("/a%3fb?c%3D=d%26e"), "a?b ? c==d&e");
  EXPECT_EQ(Parsed("/%C3%A4"), "ä");
  EXPECT_EQ(Parsed("/a%2525"), "a%25") << "once, not twice";
}

TEST(Target, KeepsPlusInPathsAndReadsSpaceInQueries) {
  EXPECT_EQ(Parsed("/g++/libstdc%2B%2B?q=a+b%2Bc"), "g++|libstdc++ ? q=a b+c");
}

TEST(Target, TakesTheFormWithTheHostToo) {
  EXPECT_EQ(Parsed("http://localhost:80/v1/a?b=c"), "v1|a ? b=c");
  EXPECT_EQ(Parsed("http://localhost"), "");
}

TEST(Target, CutsTheVerbBeforeDecoding) {
  const absl::StatusOr<Target> target = ParseTarget("/v1/a%3Ab:c:watch");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->segments.back(), "a:b:c:watch");
  EXPECT_EQ(target->last_before_verb, "a:b:c");
  EXPECT_EQ(target->verb, "watch");
  EXPECT_EQ(ParseTarget("/v1/a%3Awatch")->verb, "") << "an encoded colon begins no verb";
}

TEST(Target, RefusesWhatIsMalformedAndSaysWhere) {
  EXPECT_EQ(Parsed("/a%zz"), "MALFORMED_REQUEST path: a % without two hex digits in \"a%zz\"");
  EXPECT_EQ(Parsed("/a%4"), "MALFORMED_REQUEST path: a % without two hex digits in \"a%4\"");
  EXPECT_EQ(Parsed("/a?b=%"), "MALFORMED_REQUEST query: a % without two hex digits in \"%\"");
  EXPECT_EQ(Parsed("/%ff"), "MALFORMED_REQUEST path: bytes that are no UTF-8 in \"%ff\"");
  EXPECT_EQ(Parsed("*"), "MALFORMED_REQUEST path: no / at the beginning in \"*\"");
  EXPECT_EQ(Parsed(""), "MALFORMED_REQUEST path: no / at the beginning in \"\"");
}

TEST(Target, BoundsTheNumberOfParameters) {
  std::string target = "/a?";
  for (size_t i = 0; i < kMaxQueryParameters; ++i) target += "n=1&";
  EXPECT_TRUE(ParseTarget(target).ok());
  EXPECT_EQ(Parsed(target + "n=1"), "MALFORMED_REQUEST query: has more than 2000 parameters");
}

std::string Encoded(const std::string& text) {
  std::string out;
  for (const char c : text)
    absl::StrAppend(&out, "%", absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2));
  return out;
}

RC_GTEST_PROP(Target, FindsWhatWasEncoded, ()) {
  const auto segments = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127))));
  const auto value = *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  std::string text;
  for (const std::string& segment : segments) text += "/" + Encoded(segment);
  const absl::StatusOr<Target> target =
      ParseTarget(text + "?" + Encoded("k") + "=" + Encoded(value));
  RC_ASSERT(target.ok());
  RC_ASSERT(target->segments == segments);
  RC_ASSERT(target->query.at(0).value == value);
}

}  // namespace
}  // namespace holdfast::real
