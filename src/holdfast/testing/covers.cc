#include "holdfast/testing/covers.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "holdfast/base/failed_guards.h"
#include "holdfast/base/mutex.h"

namespace holdfast::testing {
namespace {

// What the running test has claimed so far. Tests may claim from helper threads, hence the mutex.
struct Claims {
  Mutex mutex;
  std::set<std::string> requirements ABSL_GUARDED_BY(mutex);
  std::set<std::string, std::less<>> failed_guards ABSL_GUARDED_BY(mutex);
};

Claims& RunningTest() {
  static Claims claims;
  return claims;
}

bool IsRequirement(std::string_view text) {
  constexpr std::string_view kLetters = "RTSBI";
  constexpr std::string_view kDigits = "0123456789";
  return text.size() > 1 && kLetters.find(text[0]) != std::string_view::npos &&
         text.find_first_not_of(kDigits, 1) == std::string_view::npos;
}

void RememberFailedGuard(std::string_view guard) {
  const MutexLock lock(RunningTest().mutex);
  if (!RunningTest().failed_guards.contains(guard)) RunningTest().failed_guards.emplace(guard);
}

class RequirementsListener : public ::testing::EmptyTestEventListener {
 public:
  explicit RequirementsListener(const std::string& path)
      : out_(path + ".txt", std::ios::trunc), guards_(path + ".guards", std::ios::trunc) {
    ListenToFailedGuards(&RememberFailedGuard);
  }

  void OnTestStart(const ::testing::TestInfo&) override {
    const MutexLock lock(RunningTest().mutex);
    RunningTest().requirements.clear();
    RunningTest().failed_guards.clear();
  }

  void OnTestEnd(const ::testing::TestInfo& test) override {
    if (!test.result()->Passed()) return;
    const MutexLock lock(RunningTest().mutex);
    for (const std::string& requirement : RunningTest().requirements) {
      out_ << requirement << '\t' << test.test_suite_name() << '.' << test.name() << '\n';
    }
    out_.flush();
    for (const std::string& guard : RunningTest().failed_guards) {
      guards_ << guard << '\t' << test.test_suite_name() << '.' << test.name() << '\n';
    }
    guards_.flush();
  }

 private:
  std::ofstream out_;
  std::ofstream guards_;
};

}  // namespace

void Covers(std::initializer_list<std::string_view> requirements) {
  if (::testing::UnitTest::GetInstance()->current_test_info() == nullptr) {
    ADD_FAILURE() << "HF_COVERS outside a test";
    return;
  }
  const MutexLock lock(RunningTest().mutex);
  for (std::string_view requirement : requirements) {
    if (!IsRequirement(requirement)) {
      ADD_FAILURE() << "HF_COVERS: '" << requirement << "' is no requirement number";
    }
    RunningTest().requirements.emplace(requirement);
  }
}

void InstallRequirementsListener(std::string_view binary) {
  const char* folder = std::getenv("HOLDFAST_REQUIREMENTS_DIR");
  if (folder == nullptr || *folder == '\0') return;
  const std::string path = std::string(folder) + "/" + std::string(binary);
  // GoogleTest owns and deletes what is appended.
  ::testing::UnitTest::GetInstance()->listeners().Append(new RequirementsListener(path));
}

}  // namespace holdfast::testing
