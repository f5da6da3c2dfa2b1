#include "examples/network/hooks/cidr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::network {
namespace {

using ::testing::HasSubstr;

Ipv4Range Range(std::string_view text) {
  const absl::StatusOr<Ipv4Range> range = ParseIpv4Range(text);
  EXPECT_TRUE(range.ok()) << range.status();
  return range.value_or(Ipv4Range());
}

TEST(Ipv4Range, ReachesFromItsFirstAddressToItsLast) {
  EXPECT_EQ(Range("172.30.0.0/22").first, 0xAC1E0000u);
  EXPECT_EQ(Range("172.30.0.0/22").last, 0xAC1E03FFu);
  EXPECT_EQ(Range("10.0.0.0/8").last, 0x0AFFFFFFu);
  EXPECT_EQ(Range("255.255.255.255/32").first, 0xFFFFFFFFu);
  EXPECT_EQ(Range("255.255.255.255/32").last, 0xFFFFFFFFu);
  EXPECT_EQ(Range("0.0.0.0/0").first, 0u);
  EXPECT_EQ(Range("0.0.0.0/0").last, 0xFFFFFFFFu);
}

TEST(Ipv4Range, OverlapsWhatSharesAnAddress) {
  const Ipv4Range range = Range("10.0.1.0/24");
  EXPECT_TRUE(range.overlaps(range));
  EXPECT_TRUE(range.overlaps(Range("10.0.1.255/32")));
  EXPECT_TRUE(range.overlaps(Range("10.0.0.0/16")));
  EXPECT_TRUE(Range("10.0.0.0/16").overlaps(range));
  EXPECT_FALSE(range.overlaps(Range("10.0.2.0/24")));
  EXPECT_FALSE(range.overlaps(Range("10.0.0.0/24")));
}

TEST(Ipv4Range, IsRefusedWithWhatIsWrong) {
  for (const char* text :
       {"", "/", "10.0.0.0", "10.0.0/8", "10.0.0.0.0/8", "256.0.0.0/8", "-1.0.0.0/8", "10.0.0.x/8",
        " 10.0.0.0/8", "10..0.0/8", "::/0", "99999999999999999999.0.0.0/8"}) {
    const absl::Status status = ParseIpv4Range(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("isn't an IPv4 range")) << text;
  }
  for (const char* text :
       {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8x"}) {
    EXPECT_THAT(std::string(ParseIpv4Range(text).status().message()),
                HasSubstr("has no prefix length from 0 to 32"))
        << text;
  }
  EXPECT_THAT(std::string(ParseIpv4Range("10.0.0.1/8").status().message()),
              HasSubstr("has bits set behind its prefix"));
}

TEST(Ipv4Range, SaysHowToWriteIt) {
  EXPECT_THAT(std::string(ParseIpv4Range("here").status().message()),
              HasSubstr("\"here\" isn't an IPv4 range; write it as 172.30.0.0/22"));
}

}  // namespace
}  // namespace holdfast::network
