// Is what clients saw of one register explained by some order in which its operations took effect,
// each at one moment between its call and its answer (Herlihy and Wing 1990)? Keys are independent
// of each other, so a store is checked key by key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::sim {

// The place of an event that did not happen.
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// A read of v needs kExactly v. A create needs kAbsent and writes; that something was there already
// needs kPresent and writes nothing; a delete needs kPresent and writes 0.
struct RegisterOp {
  enum class Needs { kAnything, kAbsent, kPresent, kExactly };

  // Places in one total order of events: invoked < returned. kNever: no answer came, so the
  // operation takes effect at any time after `invoked`. An operation that may take effect after its
  // client was told of an error never returned either.
  int64_t invoked = 0;
  int64_t returned = kNever;
  Needs needs = Needs::kAnything;  // what it saw when it took effect
  uint64_t value = 0;              // of kExactly; 0 is the same as kAbsent
  std::optional<uint64_t> writes;  // 0: nothing is there any more. nullopt: a read
  // It may also never have had an effect. Without this, even an operation that got no answer is
  // known to have had one, at some time.
  bool may_be_void = false;
  std::string text;  // for the report
};

struct LinearizabilityOptions {
  uint64_t initial = 0;
  // How many states the search looks at before it gives up; 100 to 300 bytes each.
  size_t max_states = 2'000'000;
};

struct LinearizabilityResult {
  enum class Verdict { kLinearizable, kNot, kGaveUp };
  Verdict verdict = Verdict::kLinearizable;
  // Unless linearizable: the longest prefix of the history that has an order, how one such order
  // ends, and what can't come next. A few lines.
  std::string why;
};

// Takes time in proportion to the history where values are unique and mostly read, and, at worst,
// exponential in the number of operations that are under way at once: that is what max_states
// bounds. Operations that never returned are no such number: they are taken only where they explain
// something.
[[nodiscard]] LinearizabilityResult CheckLinearizable(const std::vector<RegisterOp>& ops,
                                                      const LinearizabilityOptions& options = {});

}  // namespace holdfast::sim
