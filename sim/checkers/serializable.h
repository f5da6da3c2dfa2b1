// Is what clients saw of many lists explained by some order in which their transactions took effect
// one after the other, each at one moment between its call and its answer? After Elle (Kingsbury
// and Alvaro 2020): a list that is only ever appended to tells in which order it was written, so
// who must come before whom is read off the history, and what has no order is a cycle of that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/linearizable.h"

namespace holdfast::sim {

struct ListAccess {
  std::string key;
  // The whole list, as it was before this transaction's own append to the key. nullopt: not read
  std::optional<std::vector<uint64_t>> read;
  // Unique over the whole history. A transaction may have several accesses to a key, but not append
  // to it twice.
  std::optional<uint64_t> append;
};

struct ListTransaction {
  // What is unknown counts as committed if its appends were seen, and else as if it had never been.
  enum class Outcome { kCommitted, kAborted, kUnknown };

  // Places in one total order of events: invoked < returned. kNever: no answer came, so it takes
  // effect at any time after `invoked`; so does what is unknown, whatever stands here.
  int64_t invoked = 0;
  int64_t returned = kNever;
  Outcome outcome = Outcome::kCommitted;
  std::vector<ListAccess> accesses;
  std::string text;  // for the report
};

struct SerializabilityResult {
  bool ok = true;
  // Unless ok, the first of these that there is:
  //   malformed           the history breaks a rule from above
  //   garbage-read        a value was read that nobody appended
  //   G1a                 a value was read whose transaction was aborted
  //   duplicate-elements  a value was read twice in a list
  //   internal            a transaction read its own append before it was made
  //   incompatible-order  two reads of a list of which neither is the beginning of the other
  //   lost-update         two read the same list and both appended to it; or an append was answered
  //                       and missing from all reads, one of which was invoked afterwards
  //   G0, G1c, G-single, G2   a cycle (Adya 1999) of appends only; with what was seen; with one
  //                       append that was not seen; with several
  //   G0-realtime, ...    the same, if it is one only together with what returned before what
  std::string anomaly;
  std::string why;  // a few lines
};

// Finds nothing where there is an order. Finds something where there is none, as long as the last
// read of each list shows all appends to it; of those that nobody read it doesn't try all orders.
// Takes time in proportion to the history, and a bounded number of times that to explain a cycle.
[[nodiscard]] SerializabilityResult CheckSerializable(const std::vector<ListTransaction>& history);

}  // namespace holdfast::sim
