#include "holdfast/base/check.h"

#include <gtest/gtest.h>

#include "absl/status/statusor.h"
#include "holdfast/base/macros.h"

namespace holdfast {
namespace {

TEST(Check, LetsWhatHoldsPassAndEvaluatesItOnce) {
  int evaluated = 0;
  HF_CHECK(++evaluated == 1) << "never seen";
  EXPECT_EQ(evaluated, 1);
}

TEST(Check, DoesNotBuildTheMessageOfWhatHolds) {
  int built = 0;
  HF_CHECK(built == 0) << ++built;
  EXPECT_EQ(built, 0);
}

TEST(CheckDeathTest, AbortsWithThePlaceTheConditionAndTheReason) {
  const int apples = 3;
  EXPECT_DEATH(HF_CHECK(apples == 4) << "apples: " << apples,
               "check_test.cc:[0-9]+: check failed: apples == 4: apples: 3");
}

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  HF_ASSIGN_OR_RETURN(const int half, Half(n));
  HF_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status AllEven(int a, int b) {
  HF_RETURN_IF_ERROR(Half(a).status());
  HF_RETURN_IF_ERROR(Half(b).status());
  return absl::OkStatus();
}

TEST(Macros, ReturnTheFirstErrorAndElseGoOn) {
  EXPECT_EQ(Quarter(12).value(), 3);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_TRUE(AllEven(2, 4).ok());
  EXPECT_FALSE(AllEven(2, 3).ok());
}

}  // namespace
}  // namespace holdfast
