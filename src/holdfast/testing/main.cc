// main() of every test binary.
#include <gmock/gmock.h>

#include <filesystem>

#include "holdfast/testing/covers.h"

int main(int argc, char** argv) {
  const std::string binary = std::filesystem::path(argv[0]).filename().string();
  ::testing::InitGoogleMock(&argc, argv);
  holdfast::testing::InstallRequirementsListener(binary);
  return RUN_ALL_TESTS();
}
