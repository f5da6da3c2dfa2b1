// Which guards have been seen to fail: for tests, which tools/guards compares with all the guards
// that the code has.
#pragma once

#include <source_location>
#include <string_view>

namespace holdfast {

// Says that a guard has failed, by name ("sqlite/require_row") or by the place in the code that
// adds it. Nearly free where nobody listens, which is everywhere but in tests.
void NoteFailedGuard(std::string_view guard);
void NoteFailedGuard(const std::source_location& place);  // "src/…/closing.cc:90"

// One listener for the process; it is called on any thread.
using FailedGuardListener = void (*)(std::string_view guard);
void ListenToFailedGuards(FailedGuardListener listener);

}  // namespace holdfast
