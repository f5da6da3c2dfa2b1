#include "holdfast/batch/postgres/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace holdfast::batch::postgres {
namespace {

using ::testing::ElementsAre;

TEST(Parameters, AreTextAndBlobsBinary) {
  const Row row = {int64_t{-5}, 0.1, std::string("x"), Blob{std::string("\0y", 2)}, Null{}};
  Parameters parameters;
  for (const Value& value : row) EXPECT_TRUE(parameters.add(value));
  ASSERT_EQ(parameters.size(), 5);
  EXPECT_STREQ(parameters.values()[0], "-5");
  EXPECT_STREQ(parameters.values()[1], "0.1");
  EXPECT_STREQ(parameters.values()[2], "x");
  EXPECT_EQ(parameters.lengths()[3], 2);
  EXPECT_EQ(parameters.formats()[3], 1);
  EXPECT_EQ(parameters.values()[4], nullptr);
}

TEST(Parameters, OfASetAreArrays) {
  const std::vector<Row> rows = {{int64_t{1}, std::string("a\"\\b")},
                                 {Null{}, std::string("NULL")},
                                 {int64_t{3}, Blob{"\xff"}},
                                 {2.5}};
  Parameters parameters;
  EXPECT_TRUE(parameters.add_column(rows, 0));
  EXPECT_TRUE(parameters.add_column(rows, 1));
  EXPECT_STREQ(parameters.values()[0], "{1,NULL,3,2.5}");
  EXPECT_STREQ(parameters.values()[1], R"({"a\"\\b","NULL","\\xff",NULL})");
}

TEST(Parameters, HoldNoNul) {
  const Value nul = std::string("a\0b", 3);
  Parameters parameters;
  EXPECT_FALSE(parameters.add(nul));
  EXPECT_FALSE(parameters.add_column({{nul}}, 0));
}

TEST(ReadValue, GoesByTheType) {
  EXPECT_EQ(ReadValue("t", 16), Value(int64_t{1}));
  EXPECT_EQ(ReadValue("f", 16), Value(int64_t{0}));
  EXPECT_EQ(ReadValue("-9223372036854775808", 20), Value(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(ReadValue("1e-07", 701), Value(1e-7));
  EXPECT_EQ(ReadValue("-Infinity", 701), Value(-std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(std::isnan(std::get<double>(ReadValue("NaN", 700))));
  EXPECT_EQ(ReadValue("\\x00ff", 17), Value(Blob{std::string("\0\xff", 2)}));
  EXPECT_EQ(ReadValue("12", 1700), Value(std::string("12"))) << "numeric is kept as it is";
}

TEST(ParseArray, ReadsWhatPostgresPrints) {
  EXPECT_THAT(ParseArray("{}"), ElementsAre());
  EXPECT_THAT(ParseArray(R"({i1,"s a,\"b\" \\ {}",NULL,"NULL",""})"),
              ElementsAre("i1", R"(s a,"b" \ {})", std::nullopt, "NULL", ""));
  EXPECT_THAT(ParseArray("what"), ElementsAre());
}

}  // namespace
}  // namespace holdfast::batch::postgres
