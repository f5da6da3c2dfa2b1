// Which requirement does a test prove? A test says so in its body:
//
//   TEST(Names, RoundTrip) {
//     HF_COVERS("R5", "S17");
//     ...
//   }
//
// When such a test ran and passed, our test main (main.cc) appends one line a requirement,
// "R5<TAB>Names.RoundTrip", to a file in $HOLDFAST_REQUIREMENTS_DIR, named after the binary.
// tools/requirements reads these files. A test that fails, is skipped or doesn't run writes
// nothing, so a requirement can't look covered by a test that doesn't hold. Beside it, in a file
// ".guards", stands which guards failed while the test ran (base/failed_guards.h); tools/guards
// reads that.
#pragma once

#include <initializer_list>
#include <string_view>

#define HF_COVERS(...) ::holdfast::testing::Covers({__VA_ARGS__})

namespace holdfast::testing {

/// Records requirement numbers for the running test. Fails the test when one isn't a letter
/// (R, T, S, B, I) followed by digits, or when no test is running. Call it from any thread.
void Covers(std::initializer_list<std::string_view> requirements);

/// Registers the listener that writes the lines. `binary` names the file; without
/// $HOLDFAST_REQUIREMENTS_DIR nothing is written. Call once, after InitGoogleTest.
void InstallRequirementsListener(std::string_view binary);

}  // namespace holdfast::testing
