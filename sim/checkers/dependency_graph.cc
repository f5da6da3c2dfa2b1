#include "sim/checkers/dependency_graph.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <utility>

namespace holdfast::sim {
namespace {

using Edges = std::vector<std::vector<DependencyEdge>>;

constexpr size_t kNone = std::numeric_limits<size_t>::max();
// How many searches for a short cycle are made, each of the whole graph at worst.
constexpr size_t kMaxSearches = 256;
// No cycle is shorter.
constexpr size_t kShortest = 2;

// Strongly connected parts (Tarjan 1972), without recursion. A part that leads to another has the
// higher number.
class Parts {
 public:
  Parts(const Edges& edges, Dependencies kinds)
      : edges_(edges),
        kinds_(kinds),
        part_(edges.size(), kNone),
        index_(edges.size(), kNone),
        low_(edges.size()),
        next_(edges.size()) {}

  std::vector<size_t> run() && {
    for (size_t root = 0; root < edges_.size(); ++root) {
      if (index_[root] == kNone) visit(root);
    }
    return std::move(part_);
  }

 private:
  void visit(size_t root) {
    enter(root);
    while (!calls_.empty()) {
      const size_t node = calls_.back();
      const size_t child = unvisited_child(node);
      if (child != kNone) {
        enter(child);
      } else {
        calls_.pop_back();
        if (low_[node] == index_[node]) close(node);
      }
    }
  }

  void enter(size_t node) {
    index_[node] = low_[node] = visited_++;
    open_.push_back(node);
    calls_.push_back(node);
  }

  // Comes back to an edge once what it leads to is done.
  size_t unvisited_child(size_t node) {
    for (; next_[node] < edges_[node].size(); ++next_[node]) {
      const DependencyEdge& edge = edges_[node][next_[node]];
      if (!kinds_.contains(edge.kind)) continue;
      if (index_[edge.to] == kNone) return edge.to;
      if (part_[edge.to] == kNone) low_[node] = std::min(low_[node], low_[edge.to]);
    }
    return kNone;
  }

  void close(size_t node) {
    for (size_t last = kNone; last != node;) {
      last = open_.back();
      open_.pop_back();
      part_[last] = parts_;
    }
    ++parts_;
  }

  const Edges& edges_;
  const Dependencies kinds_;
  std::vector<size_t> part_;
  std::vector<size_t> index_;  // as they were visited
  std::vector<size_t> low_;
  std::vector<size_t> next_;  // edge to follow
  std::vector<size_t> calls_;
  std::vector<size_t> open_;  // visited, and without a part yet
  size_t visited_ = 0;
  size_t parts_ = 0;
};

// The smallest part that is more than one node.
size_t SmallestKnot(const std::vector<size_t>& parts) {
  std::vector<size_t> sizes(parts.size());
  for (const size_t part : parts) ++sizes[part];
  size_t smallest = kNone;
  for (size_t part = 0; part < sizes.size(); ++part) {
    if (sizes[part] > 1 && (smallest == kNone || sizes[part] < sizes[smallest])) smallest = part;
  }
  return smallest;
}

}  // namespace

size_t DependencyGraph::add_joint() {
  edges_.emplace_back();
  return edges_.size() - 1;
}

size_t DependencyGraph::length(const DependencyCycle& cycle) const {
  return static_cast<size_t>(std::count_if(
      cycle.begin(), cycle.end(), [this](const DependencyEdge& e) { return !is_joint(e.to); }));
}

bool DependencyGraph::has_cycle(Dependencies kinds) const {
  return SmallestKnot(Parts(edges_, kinds).run()) != kNone;
}

DependencyCycle DependencyGraph::shortest_cycle(Dependencies kinds) const {
  const Numbers parts = Parts(edges_, kinds).run();
  const size_t knot = SmallestKnot(parts);
  DependencyCycle best;
  size_t shortest = kNone;
  size_t searches = 0;
  for (size_t node = 0; node < transactions_ && knot != kNone; ++node) {
    if (parts[node] != knot) continue;
    if (shortest == kShortest || ++searches > kMaxSearches) break;
    DependencyCycle cycle = path(node, node, kinds, parts, shortest);
    if (cycle.empty()) continue;
    shortest = length(cycle);
    best = std::move(cycle);
  }
  return best;
}

DependencyCycle DependencyGraph::shortest_cycle(Dependency once, Dependencies others) const {
  const Numbers parts = Parts(edges_, others).run();
  DependencyCycle best;
  size_t shortest = kNone;
  size_t searches = 0;
  for (const DependencyEdge& edge : closing_edges(once, others, parts)) {
    if (shortest == kShortest || ++searches > kMaxSearches) break;
    const size_t first = is_joint(edge.to) ? 0 : 1;
    DependencyCycle rest = path(edge.to, edge.from, others, parts, shortest - first);
    if (rest.empty()) continue;
    shortest = first + length(rest);
    best = {edge};
    best.insert(best.end(), rest.begin(), rest.end());
  }
  return best;
}

// Edges of one kind from whose end the others lead back to where they begin. 64 at a time: what is
// reached from one of them has its bit.
std::vector<DependencyEdge> DependencyGraph::closing_edges(Dependency once, Dependencies others,
                                                           const Numbers& parts) const {
  Numbers order(parts.size());  // without cycles each node is a part: from first to last
  for (size_t node = 0; node < parts.size(); ++node) order[parts.size() - 1 - parts[node]] = node;
  std::vector<DependencyEdge> back;
  for (const std::vector<DependencyEdge>& edges : edges_) {
    std::copy_if(edges.begin(), edges.end(), std::back_inserter(back), [&](const auto& edge) {
      return edge.kind == once && parts[edge.to] > parts[edge.from];
    });
  }
  std::vector<DependencyEdge> closing;
  for (size_t first = 0; first < back.size(); first += 64) {
    const size_t size = std::min<size_t>(64, back.size() - first);
    std::vector<uint64_t> reached(parts.size());
    for (size_t i = 0; i < size; ++i) reached[back[first + i].to] |= uint64_t{1} << i;
    for (const size_t node : order) {
      for (const DependencyEdge& edge : edges_[node]) {
        if (others.contains(edge.kind)) reached[edge.to] |= reached[node];
      }
    }
    for (size_t i = 0; i < size; ++i) {
      if ((reached[back[first + i].from] >> i & 1) != 0) closing.push_back(back[first + i]);
    }
  }
  return closing;
}

// A shortest one, if it is shorter than `below`. What is in a lower part leads only further down.
DependencyCycle DependencyGraph::path(size_t from, size_t to, Dependencies kinds,
                                      const Numbers& parts, size_t below) const {
  std::vector<const DependencyEdge*> came(edges_.size());
  std::vector<size_t> distance(edges_.size(), kNone);
  std::deque<size_t> waiting = {from};
  distance[from] = 0;
  while (!waiting.empty() && came[to] == nullptr) {
    const size_t node = waiting.front();
    waiting.pop_front();
    for (const DependencyEdge& edge : edges_[node]) {
      if (!kinds.contains(edge.kind) || parts[edge.to] < parts[to]) continue;
      const size_t next = distance[node] + (is_joint(edge.to) ? 0 : 1);
      const bool is_back = edge.to == from && from == to;
      if (next >= below || (distance[edge.to] <= next && !is_back)) continue;
      came[edge.to] = &edge;
      if (edge.to == to) break;
      distance[edge.to] = next;
      is_joint(edge.to) ? waiting.push_front(edge.to) : waiting.push_back(edge.to);
    }
  }
  DependencyCycle path;
  for (size_t node = to; came[node] != nullptr && (path.empty() || node != from);) {
    path.push_back(*came[node]);
    node = came[node]->from;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace holdfast::sim
