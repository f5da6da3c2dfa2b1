// HF_CHECK(condition) << "why": on in every build. For what can't happen; what can is a status.
#pragma once

#include <sstream>

namespace holdfast::internal {

// Prints what was streamed into it, with the place, to stderr and aborts when it goes.
class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();

  [[nodiscard]] std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Makes both branches of HF_CHECK's conditional void.
struct Voidify {
  void operator&(const std::ostream&) const {}
};

}  // namespace holdfast::internal

#define HF_CHECK(condition)                       \
  (condition) ? (void)0                           \
              : ::holdfast::internal::Voidify() & \
                    ::holdfast::internal::CheckFailure(__FILE__, __LINE__, #condition).stream()
