#include "holdfast/base/types.h"

#include <gtest/gtest.h>

#include <set>
#include <type_traits>
#include <unordered_set>

namespace holdfast {
namespace {

TEST(Types, DoNotConvertIntoEachOther) {
  static_assert(!std::is_convertible_v<KindName, ResourceName>);
  static_assert(!std::is_constructible_v<KindName, ResourceName>);
  static_assert(!std::is_convertible_v<std::string, KindName>);
  static_assert(!std::is_constructible_v<Revision, Version>);
  static_assert(!std::is_convertible_v<int64_t, Revision>);
  static_assert(!std::is_constructible_v<Timestamp, Duration>);
  SUCCEED();
}

TEST(Types, CompareAsTheirValues) {
  EXPECT_LT(Revision(2), Revision(10));
  EXPECT_EQ(ResourceName("a"), ResourceName(std::string("a")));
  const std::set<ResourceKey> keys = {{KindName("k/B"), ResourceName("a")},
                                      {KindName("k/A"), ResourceName("b")},
                                      {KindName("k/A"), ResourceName("a")}};
  EXPECT_EQ(keys.begin()->name, ResourceName("a"));
  EXPECT_EQ(std::unordered_set<Uid>({Uid("x"), Uid("x")}).size(), 1u);
}

TEST(Types, CountTimeInMicroseconds) {
  EXPECT_EQ(Seconds(2).value(), 2'000'000);
  EXPECT_EQ(Milliseconds(3).value(), 3'000);
  EXPECT_EQ(Timestamp(10) + Duration(5), Timestamp(15));
  EXPECT_EQ(Timestamp(10) - Timestamp(4), Duration(6));
}

}  // namespace
}  // namespace holdfast
