#include "examples/archive/plan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace holdfast::archive {
namespace {

constexpr size_t kUnvisited = static_cast<size_t>(-1);

// Tarjan's algorithm (SIAM J. Comput. 1972), with an own stack: dependency chains are long.
// Components come out with everything that they depend on before them.
class Components {
 public:
  explicit Components(const std::vector<Package>& packages)
      : packages_(packages),
        order_(packages.size(), kUnvisited),
        low_(packages.size(), 0),
        on_stack_(packages.size(), false) {
    for (size_t i = 0; i < packages.size(); ++i) {
      if (order_[i] == kUnvisited) Visit(i);
    }
  }

  std::vector<std::vector<size_t>> Take() { return std::move(components_); }

 private:
  struct Frame {
    size_t node;
    size_t next_edge = 0;
  };

  void Enter(size_t node) {
    order_[node] = low_[node] = counter_++;
    stack_.push_back(node);
    on_stack_[node] = true;
    frames_.push_back({node});
  }

  void Visit(size_t root) {
    Enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const std::vector<size_t>& edges = packages_[frame.node].depends;
      if (frame.next_edge < edges.size()) {
        Follow(frame.node, edges[frame.next_edge++]);
      } else {
        Leave();
      }
    }
  }

  void Follow(size_t from, size_t to) {
    if (order_[to] == kUnvisited) {
      Enter(to);
    } else if (on_stack_[to]) {
      low_[from] = std::min(low_[from], order_[to]);
    }
  }

  void Leave() {
    const size_t node = frames_.back().node;
    frames_.pop_back();
    if (!frames_.empty()) {
      size_t& parent_low = low_[frames_.back().node];
      parent_low = std::min(parent_low, low_[node]);
    }
    if (low_[node] != order_[node]) return;
    std::vector<size_t> component;
    for (size_t member = kUnvisited; member != node;) {
      member = stack_.back();
      stack_.pop_back();
      on_stack_[member] = false;
      component.push_back(member);
    }
    std::reverse(component.begin(), component.end());
    components_.push_back(std::move(component));
  }

  const std::vector<Package>& packages_;
  std::vector<size_t> order_;
  std::vector<size_t> low_;
  std::vector<bool> on_stack_;
  std::vector<size_t> stack_;
  std::vector<Frame> frames_;
  std::vector<std::vector<size_t>> components_;
  size_t counter_ = 0;
};

// How many components are on the longest way down from each: components of one level don't depend
// on each other, so their batches can be under way at the same time.
std::vector<size_t> Levels(const Index& index, const std::vector<std::vector<size_t>>& components) {
  std::vector<size_t> component_of(index.packages.size());
  std::vector<size_t> levels(components.size(), 0);
  for (size_t c = 0; c < components.size(); ++c) {
    for (size_t package : components[c]) component_of[package] = c;
    for (size_t package : components[c]) {
      for (size_t target : index.packages[package].depends) {
        if (component_of[target] != c) {
          levels[c] = std::max(levels[c], levels[component_of[target]] + 1);
        }
      }
    }
  }
  return levels;
}

void FindPredecessors(const Index& index, Plan& plan) {
  for (size_t b = 0; b < plan.batches.size(); ++b) {
    std::set<size_t> after;
    for (size_t package : plan.batches[b].packages) {
      for (size_t target : index.packages[package].depends) {
        if (plan.batch_of[target] != b) after.insert(plan.batch_of[target]);
      }
    }
    plan.batches[b].after.assign(after.begin(), after.end());
  }
}

}  // namespace

Plan MakePlan(const Index& index, size_t batch_size) {
  const std::vector<std::vector<size_t>> components = Components(index.packages).Take();
  const std::vector<size_t> levels = Levels(index, components);
  std::vector<size_t> order(components.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return levels[a] < levels[b]; });

  Plan plan;
  plan.batch_of.resize(index.packages.size());
  for (size_t c : order) {
    const std::vector<size_t>& component = components[c];
    if (component.size() > 1) {
      ++plan.cycles;
      plan.largest_cycle = std::max(plan.largest_cycle, component.size());
    }
    if (plan.batches.empty() ||
        plan.batches.back().packages.size() + component.size() > batch_size) {
      plan.batches.emplace_back();
    }
    std::vector<size_t>& batch = plan.batches.back().packages;
    batch.insert(batch.end(), component.begin(), component.end());
    for (size_t package : component) plan.batch_of[package] = plan.batches.size() - 1;
  }
  FindPredecessors(index, plan);
  return plan;
}

}  // namespace holdfast::archive
