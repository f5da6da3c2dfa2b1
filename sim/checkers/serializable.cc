#include "sim/checkers/serializable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/checkers/dependency_graph.h"
#include "sim/checkers/list_orders.h"

namespace holdfast::sim {
namespace {

using enum Dependency;
using History = std::vector<ListTransaction>;

// What holds for the neighbours in an order holds for all, so those are enough.
void AddList(DependencyGraph& graph, const ListOrder& list, size_t number) {
  const auto add = [&graph, number](size_t from, size_t to, Dependency kind) {
    if (from != to) graph.add({.from = from, .to = to, .kind = kind, .list = number});
  };
  const std::vector<ListElement>& order = list.order;
  for (size_t i = 1; i < order.size(); ++i) {
    add(order[i - 1].transaction, order[i].transaction, kWriteWrite);
  }
  // Two joints stand for what nobody has read: all of it, and all but the next.
  const size_t unread = graph.add_joint();
  const size_t others = graph.add_joint();
  add(unread, others, kWriteWrite);
  if (!order.empty()) add(order.back().transaction, unread, kWriteWrite);
  if (list.next.has_value()) add(unread, list.next->transaction, kWriteWrite);
  for (const ListElement& append : list.others) add(others, append.transaction, kWriteWrite);
  for (const auto& [reader, length] : list.readers) {
    if (length > 0) add(order[length - 1].transaction, reader, kWriteRead);
    const bool is_next = list.next.has_value() && list.next->transaction == reader;
    const size_t end = is_next ? others : unread;
    add(reader, length < order.size() ? order[length].transaction : end, kReadWrite);
  }
}

// One joint for each time at which something returned, from each to the next, and from the last
// before its call to a transaction.
void AddRealTime(DependencyGraph& graph, const History& history, const std::vector<bool>& counts) {
  std::map<int64_t, size_t> joints;
  for (size_t i = 0; i < history.size(); ++i) {
    if (counts[i] && ReturnOf(history[i]) != kNever) joints.emplace(ReturnOf(history[i]), 0);
  }
  size_t previous = 0;
  for (auto& [place, joint] : joints) {
    joint = graph.add_joint();
    if (place != joints.begin()->first) {
      graph.add({.from = previous, .to = joint, .kind = kRealTime});
    }
    previous = joint;
  }
  for (size_t i = 0; i < history.size(); ++i) {
    if (!counts[i]) continue;
    if (const auto joint = joints.find(ReturnOf(history[i])); joint != joints.end()) {
      graph.add({.from = i, .to = joint->second, .kind = kRealTime});
    }
    const auto later = joints.lower_bound(history[i].invoked);
    if (later == joints.begin()) continue;
    graph.add({.from = std::prev(later)->second, .to = i, .kind = kRealTime});
  }
}

// The worst first: each search relies on those before it having found nothing.
DependencyCycle FindCycle(const DependencyGraph& graph) {
  constexpr Dependencies kWrites = {kWriteWrite};
  constexpr Dependencies kSeen = {kWriteWrite, kWriteRead};
  constexpr Dependencies kAll = {kWriteWrite, kWriteRead, kReadWrite};
  if (!graph.has_cycle(kAll | Dependencies{kRealTime})) return {};
  for (const Dependencies time : {Dependencies{}, Dependencies{kRealTime}}) {
    DependencyCycle cycle = graph.shortest_cycle(kWrites | time);
    if (cycle.empty()) cycle = graph.shortest_cycle(kSeen | time);
    if (cycle.empty()) cycle = graph.shortest_cycle(kReadWrite, kSeen | time);
    if (cycle.empty()) cycle = graph.shortest_cycle(kAll | time);
    if (!cycle.empty()) return cycle;
  }
  return {};
}

// What two edges after each other say as one.
std::optional<Dependency> Joined(const DependencyEdge& a, const DependencyEdge& b) {
  if (a.kind == kRealTime && b.kind == kRealTime) return kRealTime;
  if (a.list != b.list) return std::nullopt;
  if ((a.kind == kWriteWrite || a.kind == kReadWrite) && b.kind == kWriteWrite) return a.kind;
  if (a.kind == kWriteWrite && b.kind == kWriteRead) return kWriteRead;
  return std::nullopt;
}

DependencyEdge Join(const DependencyEdge& a, const DependencyEdge& b) {
  return {.from = a.from, .to = b.to, .kind = Joined(a, b).value_or(b.kind), .list = b.list};
}

// Joints mean nothing to who reads it. Those of a list stand between two edges of that list.
DependencyCycle WithoutJoints(const DependencyGraph& graph, const DependencyCycle& cycle) {
  DependencyCycle result;
  for (const DependencyEdge& edge : cycle) {
    if (result.empty() || !graph.is_joint(result.back().to)) {
      result.push_back(edge);
    } else {
      result.back() = Join(result.back(), edge);
    }
  }
  return result;
}

// Who stands only in a row of appends to one list, or of calls, need not be told of. It remains a
// cycle of the same name.
DependencyCycle Shortened(DependencyCycle cycle) {
  for (size_t i = 0; i < cycle.size() && cycle.size() > 2;) {
    const size_t next = (i + 1) % cycle.size();
    if (!Joined(cycle[i], cycle[next]).has_value()) {
      ++i;
      continue;
    }
    cycle[i] = Join(cycle[i], cycle[next]);
    cycle.erase(cycle.begin() + static_cast<int64_t>(next));
    i = 0;
  }
  return cycle;
}

std::string NameOf(const DependencyCycle& cycle) {
  const auto count = [&cycle](Dependency kind) {
    return std::count_if(cycle.begin(), cycle.end(),
                         [kind](const DependencyEdge& edge) { return edge.kind == kind; });
  };
  std::string name = count(kWriteRead) > 0 ? "G1c" : "G0";
  if (count(kReadWrite) > 0) name = count(kReadWrite) > 1 ? "G2" : "G-single";
  return name + (count(kRealTime) > 0 ? "-realtime" : "");
}

// T1 and T2 are how the report calls the two ends of an edge.
std::string Reason(const History& history, const ListOrders& orders, const DependencyEdge& edge,
                   const std::string& t1, const std::string& t2) {
  if (edge.kind == kRealTime) {
    return absl::StrCat(t1, " returned at ", history[edge.from].returned, ", ", t2,
                        " was invoked at ", history[edge.to].invoked);
  }
  const std::string& key = orders.lists[edge.list].key;
  const auto append = [&](size_t transaction) {
    return AppendTo(key, history[transaction]).value_or(0);
  };
  if (edge.kind == kReadWrite) {
    return absl::StrCat(t2, " appended ", append(edge.to), " to ", key, ", which ", t1,
                        " didn't see");
  }
  const std::string what = absl::StrCat(t1, " appended ", append(edge.from), " to ", key);
  if (edge.kind == kWriteRead) return absl::StrCat(what, ", which ", t2, " saw");
  return absl::StrCat(what, ", before ", t2, " appended ", append(edge.to));
}

// How many of a cycle are told of.
constexpr size_t kShown = 8;

std::string Explain(const History& history, const ListOrders& orders,
                    const DependencyCycle& cycle) {
  std::string text = "there is no order of";
  std::string reasons;
  for (size_t i = 0; i < std::min(cycle.size(), kShown); ++i) {
    const std::string t1 = absl::StrCat("T", i + 1);
    const std::string t2 = absl::StrCat("T", (i + 1) % cycle.size() + 1);
    absl::StrAppend(&text, "\n  ", t1, ": ", Describe(history[cycle[i].from]));
    absl::StrAppend(&reasons, "\n", t1, " is before ", t2, ": ",
                    Reason(history, orders, cycle[i], t1, t2));
  }
  if (cycle.size() <= kShown) return text + reasons;
  return absl::StrCat(text, " and ", cycle.size() - kShown, " more", reasons, "\nand so on to T",
                      cycle.size(), ", who is before T1");
}

}  // namespace

SerializabilityResult CheckSerializable(const std::vector<ListTransaction>& history) {
  const ListOrders orders = OrderLists(history);
  if (!orders.result.ok) return orders.result;
  DependencyGraph graph(history.size());
  for (size_t i = 0; i < orders.lists.size(); ++i) AddList(graph, orders.lists[i], i);
  AddRealTime(graph, history, orders.counts);
  const DependencyCycle cycle = WithoutJoints(graph, FindCycle(graph));
  if (cycle.empty()) return {};
  return {.ok = false, .anomaly = NameOf(cycle), .why = Explain(history, orders, Shortened(cycle))};
}

}  // namespace holdfast::sim
