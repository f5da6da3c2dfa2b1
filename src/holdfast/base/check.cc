#include "holdfast/base/check.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace holdfast::internal {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  stream_ << file << ":" << line << ": check failed: " << condition << ": ";
}

// One write, so that the lines of threads that fail together don't mix.
CheckFailure::~CheckFailure() {
  const std::string line = stream_.str() + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace holdfast::internal
