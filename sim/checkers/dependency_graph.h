// A graph of who must come before whom in any order, and for what reason; serializable.h looks for
// its cycles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace holdfast::sim {

enum class Dependency : uint8_t {
  kWriteWrite,  // appended before the other did
  kWriteRead,   // appended what the other saw
  kReadWrite,   // didn't see what the other appended
  kRealTime,    // returned before the other was invoked
};

class Dependencies {
 public:
  constexpr Dependencies(std::initializer_list<Dependency> kinds) {
    for (const Dependency kind : kinds) bits_ |= 1U << static_cast<unsigned>(kind);
  }
  [[nodiscard]] constexpr bool contains(Dependency kind) const {
    return (bits_ >> static_cast<unsigned>(kind) & 1U) != 0;
  }
  friend constexpr Dependencies operator|(Dependencies a, Dependencies b) {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  unsigned bits_ = 0;
};

struct DependencyEdge {
  size_t from;
  size_t to;
  Dependency kind;
  size_t list = 0;  // that shows it; none for kRealTime
};

using DependencyCycle = std::vector<DependencyEdge>;

// The nodes below `transactions` are transactions. The others are joints: what depends on a joint
// depends on all that it depends on, so m times n edges are m + n, and they don't count as length.
class DependencyGraph {
 public:
  explicit DependencyGraph(size_t transactions)
      : transactions_(transactions), edges_(transactions) {}

  size_t add_joint();
  void add(const DependencyEdge& edge) { edges_[edge.from].push_back(edge); }
  [[nodiscard]] bool is_joint(size_t node) const { return node >= transactions_; }

  // Whether edges of these kinds have one.
  [[nodiscard]] bool has_cycle(Dependencies kinds) const;
  // The cycles that these return begin at a transaction, and are empty if there is none. Where
  // there are very many, a shorter one may be missed, but never all.

  // One in the smallest part that these edges connect strongly.
  [[nodiscard]] DependencyCycle shortest_cycle(Dependencies kinds) const;
  // With exactly one edge of kind `once`, which never begins at a joint. The others alone must have
  // no cycle.
  [[nodiscard]] DependencyCycle shortest_cycle(Dependency once, Dependencies others) const;

 private:
  using Numbers = std::vector<size_t>;  // by node

  [[nodiscard]] std::vector<DependencyEdge> closing_edges(Dependency once, Dependencies others,
                                                          const Numbers& parts) const;
  [[nodiscard]] DependencyCycle path(size_t from, size_t to, Dependencies kinds,
                                     const Numbers& parts, size_t below) const;
  [[nodiscard]] size_t length(const DependencyCycle& cycle) const;

  const size_t transactions_;
  std::vector<std::vector<DependencyEdge>> edges_;  // by `from`
};

}  // namespace holdfast::sim
