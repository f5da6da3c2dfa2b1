#include "sim/checkers/list_orders.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

using Outcome = ListTransaction::Outcome;
using Values = std::vector<uint64_t>;
using Fault = std::optional<SerializabilityResult>;

struct Read {
  size_t transaction;
  const Values* values;
};

// What counts, but for `appenders`.
struct List {
  std::string key;
  std::unordered_map<uint64_t, size_t> appenders;  // of all who tried
  std::vector<ListElement> appends;
  std::vector<Read> reads;
  size_t longest = 0;  // of the reads

  [[nodiscard]] const Values& longest_read() const {
    static const Values kNothing;
    return reads.empty() ? kNothing : *reads[longest].values;
  }
};

class Lists {
 public:
  explicit Lists(const std::vector<ListTransaction>& history)
      : history_(history), counts_(history.size()) {}

  [[nodiscard]] ListOrders run();

 private:
  // --- what there is ---
  [[nodiscard]] Fault index();
  [[nodiscard]] Fault index(size_t transaction, const ListAccess& access);
  void count_all();
  void enter(size_t transaction);
  void count(size_t transaction);
  void see(List& list, const Read& read);

  // --- what is wrong with it ---
  [[nodiscard]] Fault check_reads(const List& list) const;
  [[nodiscard]] Fault check_values(const List& list, const Read& read) const;
  [[nodiscard]] Fault check_own(const List& list) const;
  [[nodiscard]] Fault check_twins(const List& list) const;
  [[nodiscard]] Fault check_lost(const List& list) const;
  [[nodiscard]] Fault apart(const List& list, const Read& read) const;

  [[nodiscard]] ListOrder order(const List& list) const;
  [[nodiscard]] std::string name(size_t transaction) const {
    return Describe(history_[transaction]);
  }

  const std::vector<ListTransaction>& history_;
  std::map<std::string, List> lists_;
  std::vector<bool> counts_;
  std::vector<size_t> counted_;  // as they were found
};

Fault Anomaly(std::string anomaly, std::string why) {
  return SerializabilityResult{.ok = false, .anomaly = std::move(anomaly), .why = std::move(why)};
}

ListOrders Lists::run() {
  Fault fault = index();
  if (!fault.has_value()) count_all();
  for (const auto check :
       {&Lists::check_reads, &Lists::check_own, &Lists::check_twins, &Lists::check_lost}) {
    for (const auto& [key, list] : lists_) {
      if (!fault.has_value()) fault = (this->*check)(list);
    }
  }
  ListOrders orders;
  if (fault.has_value()) {
    orders.result = *std::move(fault);
    return orders;
  }
  for (const auto& [key, list] : lists_) orders.lists.push_back(order(list));
  orders.counts = std::move(counts_);
  return orders;
}

Fault Lists::index() {
  for (size_t i = 0; i < history_.size(); ++i) {
    if (ReturnOf(history_[i]) < history_[i].invoked) {
      return Anomaly("malformed", absl::StrCat(name(i), "\nreturned before it was invoked"));
    }
    for (const ListAccess& access : history_[i].accesses) {
      if (Fault fault = index(i, access)) return fault;
    }
  }
  return std::nullopt;
}

Fault Lists::index(size_t transaction, const ListAccess& access) {
  List& list = lists_[access.key];
  list.key = access.key;
  if (!access.append.has_value()) return std::nullopt;
  const auto [other, is_new] = list.appenders.emplace(*access.append, transaction);
  if (!is_new) {
    return Anomaly("malformed",
                   absl::StrCat(name(transaction), "\nappended ", *access.append, " to ", list.key,
                                ", as did already\n", name(other->second)));
  }
  if (AppendTo(list.key, history_[transaction]) != access.append) {
    return Anomaly("malformed",
                   absl::StrCat(name(transaction), "\nappended to ", list.key, " twice"));
  }
  return std::nullopt;
}

// What an unknown transaction saw counts once it was seen itself, and may show the same of others.
void Lists::count_all() {
  for (size_t i = 0; i < history_.size(); ++i) {
    if (history_[i].outcome == Outcome::kCommitted) enter(i);
  }
  for (size_t i = 0; i < counted_.size(); ++i) count(counted_[i]);
}

void Lists::enter(size_t transaction) {
  if (counts_[transaction]) return;
  counts_[transaction] = true;
  counted_.push_back(transaction);
}

void Lists::count(size_t transaction) {
  for (const ListAccess& access : history_[transaction].accesses) {
    List& list = lists_[access.key];
    if (access.append.has_value()) list.appends.push_back({*access.append, transaction});
    if (access.read.has_value()) see(list, {transaction, &*access.read});
  }
}

// Looks only at what goes beyond the longest read: the beginning has been seen.
void Lists::see(List& list, const Read& read) {
  const Values& longest = list.longest_read();
  auto value =
      std::mismatch(read.values->begin(), read.values->end(), longest.begin(), longest.end()).first;
  for (; value != read.values->end(); ++value) {
    const auto found = list.appenders.find(*value);
    if (found == list.appenders.end()) continue;
    if (history_[found->second].outcome == Outcome::kUnknown) enter(found->second);
  }
  if (read.values->size() > longest.size()) list.longest = list.reads.size();
  list.reads.push_back(read);
}

bool IsBeginning(const Values& values, const Values& of) {
  return values.size() <= of.size() && std::equal(values.begin(), values.end(), of.begin());
}

// What is right in the longest read is right in all that begin it.
Fault Lists::check_reads(const List& list) const {
  if (list.reads.empty()) return std::nullopt;
  if (Fault fault = check_values(list, list.reads[list.longest])) return fault;
  for (const Read& read : list.reads) {
    if (IsBeginning(*read.values, list.longest_read())) continue;
    if (Fault fault = check_values(list, read)) return fault;
    return apart(list, read);
  }
  return std::nullopt;
}

Fault Lists::check_values(const List& list, const Read& read) const {
  std::unordered_set<uint64_t> seen;
  for (const uint64_t value : *read.values) {
    const auto anomaly = [&](std::string of, const std::string& what) {
      return Anomaly(std::move(of),
                     absl::StrCat(name(read.transaction), "\nsaw ", value, " in ", list.key, what));
    };
    const auto found = list.appenders.find(value);
    if (found == list.appenders.end()) return anomaly("garbage-read", ", which nobody appended");
    if (history_[found->second].outcome == Outcome::kAborted) {
      return anomaly("G1a", absl::StrCat(", of the aborted\n", name(found->second)));
    }
    if (!seen.insert(value).second) return anomaly("duplicate-elements", " twice");
  }
  return std::nullopt;
}

Fault Lists::apart(const List& list, const Read& read) const {
  const Values& longest = list.longest_read();
  const auto [a, b] = std::mismatch(longest.begin(), longest.end(), read.values->begin());
  return Anomaly("incompatible-order",
                 absl::StrCat("after the first ", a - longest.begin(), " of ", list.key, "\n",
                              name(list.reads[list.longest].transaction), " saw ", *a, "\n",
                              name(read.transaction), " saw ", *b));
}

Fault Lists::check_own(const List& list) const {
  for (const Read& read : list.reads) {
    const std::optional<uint64_t> own = AppendTo(list.key, history_[read.transaction]);
    if (!own.has_value()) continue;
    if (std::find(read.values->begin(), read.values->end(), *own) == read.values->end()) continue;
    return Anomaly("internal", absl::StrCat(name(read.transaction), "\nsaw its own ", *own, " in ",
                                            list.key, " before it was there"));
  }
  return std::nullopt;
}

// One of two that read the same list and append to it can't have seen the other.
Fault Lists::check_twins(const List& list) const {
  std::map<size_t, size_t> by_length;
  for (const Read& read : list.reads) {
    if (!AppendTo(list.key, history_[read.transaction]).has_value()) continue;
    const size_t length = read.values->size();
    const size_t other = by_length.emplace(length, read.transaction).first->second;
    if (other == read.transaction) continue;
    return Anomaly("lost-update", absl::StrCat("both saw the first ", length, " of ", list.key,
                                               " and appended to it\n", name(other), "\n",
                                               name(read.transaction)));
  }
  return std::nullopt;
}

// Reads are compatible, so an append that isn't in the longest is in none.
Fault Lists::check_lost(const List& list) const {
  if (list.reads.empty()) return std::nullopt;
  const auto invoked = [this](const Read& read) { return history_[read.transaction].invoked; };
  const Read& last =
      *std::max_element(list.reads.begin(), list.reads.end(),
                        [&](const Read& a, const Read& b) { return invoked(a) < invoked(b); });
  const std::unordered_set<uint64_t> read(list.longest_read().begin(), list.longest_read().end());
  for (const ListElement& append : list.appends) {
    if (read.contains(append.value)) continue;
    if (ReturnOf(history_[append.transaction]) >= invoked(last)) continue;
    return Anomaly(
        "lost-update",
        absl::StrCat(name(append.transaction), "\nappended ", append.value, " to ", list.key,
                     ", which nobody saw, not even\n", name(last.transaction)));
  }
  return std::nullopt;
}

ListOrder Lists::order(const List& list) const {
  ListOrder result{.key = list.key};
  std::unordered_set<uint64_t> read;
  for (const uint64_t value : list.longest_read()) {
    result.order.push_back({value, list.appenders.at(value)});
    read.insert(value);
  }
  std::optional<size_t> next;  // check_twins() has seen to it that there's only one
  for (const Read& reader : list.reads) {
    result.readers.push_back({reader.transaction, reader.values->size()});
    if (reader.values->size() < result.order.size()) continue;
    if (AppendTo(list.key, history_[reader.transaction]).has_value()) next = reader.transaction;
  }
  for (const ListElement& append : list.appends) {
    if (append.transaction == next) {
      result.next = append;
    } else if (!read.contains(append.value)) {
      result.others.push_back(append);
    }
  }
  return result;
}

}  // namespace

ListOrders OrderLists(const std::vector<ListTransaction>& history) { return Lists(history).run(); }

std::optional<uint64_t> AppendTo(const std::string& key, const ListTransaction& transaction) {
  for (const ListAccess& access : transaction.accesses) {
    if (access.append.has_value() && access.key == key) return access.append;
  }
  return std::nullopt;
}

int64_t ReturnOf(const ListTransaction& transaction) {
  return transaction.outcome == Outcome::kUnknown ? kNever : transaction.returned;
}

std::string Describe(const ListTransaction& transaction) {
  const std::string end =
      transaction.returned == kNever ? "no answer" : absl::StrCat(transaction.returned);
  return absl::StrCat(transaction.text.empty() ? "transaction" : transaction.text, " [",
                      transaction.invoked, ", ", end, "]");
}

}  // namespace holdfast::sim
