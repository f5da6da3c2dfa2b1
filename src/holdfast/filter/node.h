// A parsed filter: a tree of tests. Internal to filter/.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "holdfast/filter/filter.h"
#include "holdfast/filter/path.h"
#include "holdfast/filter/pattern.h"
#include "holdfast/filter/value.h"

namespace holdfast::filter {

// One question about what a path leads to. Where it leads to many values, one of them suffices;
// where it leads to none, the answer is no.
struct Test {
  enum class Op { kPresent, kHasKey, kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  std::vector<PathStep> steps;
  Op op = Op::kPresent;
  // What is compared with; not for kPresent and kHasKey.
  Value value;
  // For kHasKey, and for kEqual with wildcards in place of `value`.
  std::optional<Pattern> pattern;
};

struct Filter::Node {
  // kAnd and kOr have two or more children, kNot one, kTest none.
  enum class Kind { kAnd, kOr, kNot, kTest };

  Kind kind = Kind::kTest;
  std::vector<Node> children;
  Test test;
};

[[nodiscard]] inline Filter::Node MakeTest(Test test) { return {.test = std::move(test)}; }

// Two negations are none: NOT (a != 1) serves an index as a = 1 does.
[[nodiscard]] inline Filter::Node MakeNot(Filter::Node node) {
  if (node.kind == Filter::Node::Kind::kNot) {
    Filter::Node inner = std::move(node.children.front());
    return inner;
  }
  Filter::Node negation{.kind = Filter::Node::Kind::kNot};
  negation.children.push_back(std::move(node));
  return negation;
}

// kAnd or kOr of one or more.
[[nodiscard]] inline Filter::Node MakeJunction(Filter::Node::Kind kind,
                                               std::vector<Filter::Node> children) {
  if (children.size() == 1) {
    Filter::Node only = std::move(children.front());
    return only;
  }
  return {.kind = kind, .children = std::move(children)};
}

}  // namespace holdfast::filter
