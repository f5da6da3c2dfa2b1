// What the reads of each list say by themselves, for serializable.h: in which order it grew, and
// who saw how much of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/serializable.h"

namespace holdfast::sim {

// Transactions are told by their places in the history.
struct ListElement {
  uint64_t value;
  size_t transaction;
};

struct ListReader {
  size_t transaction;
  size_t length;  // it saw so many of the order
};

struct ListOrder {
  std::string key;
  std::vector<ListElement> order;   // as the reads show it
  std::vector<ListReader> readers;  // of these
  // Nobody read them; they come after the order.
  std::optional<ListElement> next;  // before the others: it saw the whole order
  std::vector<ListElement> others;  // in no known order; none of them saw all of it
};

struct ListOrders {
  SerializabilityResult result;  // what is wrong with one list alone
  std::vector<bool> counts;      // of each transaction: it is committed, or was seen
  std::vector<ListOrder> lists;  // if the result is ok; by key
};

[[nodiscard]] ListOrders OrderLists(const std::vector<ListTransaction>& history);

// What a transaction appended to a list.
[[nodiscard]] std::optional<uint64_t> AppendTo(const std::string& key,
                                               const ListTransaction& transaction);

// kNever also for what is unknown.
[[nodiscard]] int64_t ReturnOf(const ListTransaction& transaction);

[[nodiscard]] std::string Describe(const ListTransaction& transaction);

}  // namespace holdfast::sim
