#include "holdfast/testing/covers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace holdfast::testing {
namespace {

// The tests below named DISABLED_ are not run as such: CoversTest runs this very binary again with
// one of them, and looks at what it recorded.
TEST(CoversProbe, DISABLED_Passes) { HF_COVERS("R900001", "S900002"); }

TEST(CoversProbe, DISABLED_Fails) {
  HF_COVERS("R900003");
  FAIL() << "on purpose";
}

TEST(CoversProbe, DISABLED_IsSkipped) {
  HF_COVERS("R900004");
  GTEST_SKIP();
}

TEST(CoversProbe, DISABLED_NamesNoRequirement) { HF_COVERS("seven"); }

struct ProbeResult {
  int exit_code = 0;
  std::string recorded;
};

ProbeResult RunProbe(const std::string& name) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("holdfast_covers_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "env -u GTEST_OUTPUT HOLDFAST_REQUIREMENTS_DIR=" + folder.string() +
                              " " + self +
                              " --gtest_also_run_disabled_tests --gtest_filter=CoversProbe." +
                              "DISABLED_" + name + " >/dev/null 2>&1";
  ProbeResult result;
  result.exit_code = std::system(command.c_str());
  std::ifstream file(folder / (std::filesystem::path(self).filename().string() + ".txt"));
  std::ostringstream text;
  text << file.rdbuf();
  result.recorded = text.str();
  std::filesystem::remove_all(folder);
  return result;
}

TEST(CoversTest, APassingTestIsRecordedForEachRequirementItNames) {
  const ProbeResult result = RunProbe("Passes");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.recorded,
            "R900001\tCoversProbe.DISABLED_Passes\nS900002\tCoversProbe.DISABLED_Passes\n");
}

TEST(CoversTest, AFailingTestIsNotRecorded) {
  const ProbeResult result = RunProbe("Fails");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(result.recorded, "");
}

TEST(CoversTest, ASkippedTestIsNotRecorded) {
  const ProbeResult result = RunProbe("IsSkipped");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.recorded, "");
}

TEST(CoversTest, AWordThatIsNoRequirementNumberFailsTheTest) {
  const ProbeResult result = RunProbe("NamesNoRequirement");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(result.recorded, "");
}

}  // namespace
}  // namespace holdfast::testing
