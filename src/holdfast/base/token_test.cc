#include "holdfast/base/token.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "absl/strings/escaping.h"

namespace holdfast {
namespace {

constexpr std::string_view kKey = "a key of the database's";

bool Refused(const absl::StatusOr<std::string>& opened) {
  return opened.status().code() == absl::StatusCode::kInvalidArgument;
}

RC_GTEST_PROP(Token, OpensToWhatWasSealed, (const std::string& payload)) {
  const std::string token = SealToken(kKey, "page", payload);
  const auto opened = OpenToken(kKey, "page", token);
  RC_ASSERT(opened.ok());
  RC_ASSERT(*opened == payload);
}

TEST(Token, IsTheSameForEver) {
  EXPECT_EQ(SealToken("key", "page", "payload"), "cGF5bG9hZJR0rzja0k5-9yfCkJ_mS5I");
}

TEST(Token, HoldsOnlyCharactersThatUrlsDoNotEscape) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::string token = SealToken(kKey, "page", all);
  EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_"),
            std::string::npos);
}

TEST(Token, DoesNotOpenForAnotherPurpose) {
  const std::string token = SealToken(kKey, "page", "x");
  EXPECT_TRUE(Refused(OpenToken(kKey, "resume", token)));
}

TEST(Token, DoesNotLetPurposeAndPayloadRunIntoEachOther) {
  const std::string token = SealToken(kKey, "page", "sx");
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(token, &bytes));
  const std::string moved = absl::WebSafeBase64Escape(bytes.substr(1));
  EXPECT_TRUE(Refused(OpenToken(kKey, "pages", moved)));
}

TEST(Token, DoesNotOpenUnderAnotherKey) {
  EXPECT_TRUE(Refused(OpenToken("another key", "page", SealToken(kKey, "page", "x"))));
}

TEST(Token, DoesNotOpenAfterAnyChangeOfAnyBit) {
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(SealToken(kKey, "page", "revision 17"), &bytes));
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string forged = bytes;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(Refused(OpenToken(kKey, "page", absl::WebSafeBase64Escape(forged)))) << bit;
  }
}

TEST(Token, HasOneSpellingOnly) {
  const std::string token = SealToken(kKey, "page", "12345");  // 21 bytes: no stray bits
  const std::string stray = SealToken(kKey, "page", "1234");   // 20 bytes: stray bits at the end
  ASSERT_TRUE(OpenToken(kKey, "page", token).ok());
  ASSERT_TRUE(OpenToken(kKey, "page", stray).ok());
  EXPECT_TRUE(Refused(OpenToken(kKey, "page", token + " ")));
  EXPECT_TRUE(Refused(OpenToken(kKey, "page", " " + token)));
  EXPECT_TRUE(Refused(OpenToken(kKey, "page", token + "=")));
  EXPECT_TRUE(Refused(OpenToken(kKey, "page", stray + "=")));
  std::string last_bit = stray;
  last_bit.back() = static_cast<char>(last_bit.back() + 1);
  EXPECT_TRUE(Refused(OpenToken(kKey, "page", last_bit)));
}

TEST(Token, RefusesWhatIsTooShortOrNoBase64) {
  for (const char* bad : {"", "A", "AAAA", "!!!!", "\xff\xff", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_TRUE(Refused(OpenToken(kKey, "page", bad))) << bad;
  }
}

TEST(Token, IsRefusedUnreadOverItsLimit) {
  // Three bytes become four characters; 16 are the tag.
  const size_t largest = kMaxTokenBytes / 4 * 3 - 16;
  const std::string at_limit = SealToken(kKey, "page", std::string(largest, 'x'));
  EXPECT_EQ(at_limit.size(), kMaxTokenBytes);
  EXPECT_TRUE(OpenToken(kKey, "page", at_limit).ok());
  EXPECT_TRUE(
      Refused(OpenToken(kKey, "page", SealToken(kKey, "page", std::string(largest + 1, 'x')))));
}

RC_GTEST_PROP(Token, RefusesArbitraryBytes, (const std::string& any)) {
  RC_ASSERT(Refused(OpenToken(kKey, "page", any)));
}

}  // namespace
}  // namespace holdfast
