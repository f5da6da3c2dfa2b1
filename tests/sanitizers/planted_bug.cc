// Commits the bug that its argument names, for the sanitizer to stop at: race, overrun, overflow.
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>

namespace {

int Race() {
  int shared = 0;
  std::thread other([&shared] { shared = 1; });
  shared = 2;
  other.join();
  return shared;
}

int Overrun(int index) {
  const auto four = std::make_unique<int[]>(4);
  return four[index];
}

int Overflow(int step) { return std::numeric_limits<int>::max() + step; }

}  // namespace

int main(int argc, char** argv) {
  const std::string_view bug = argc > 1 ? argv[1] : "";
  int result = 0;
  if (bug == "race") result = Race();
  if (bug == "overrun") result = Overrun(3 + argc);
  if (bug == "overflow") result = Overflow(argc);
  std::printf("%d: nothing stopped me\n", result);
  return 0;
}
