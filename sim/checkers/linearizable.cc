#include "sim/checkers/linearizable.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "sim/checkers/register_search.h"

namespace holdfast::sim {
namespace {

using Needs = RegisterOp::Needs;
using Verdict = LinearizabilityResult::Verdict;

// What was known when the event at `place` had happened: what was under way then may have had an
// effect or not. If a history has an order then so has each such part of it.
std::vector<RegisterOp> PartUpTo(const std::vector<RegisterOp>& ops, int64_t place) {
  std::vector<RegisterOp> part;
  for (const RegisterOp& op : ops) {
    if (op.invoked > place) continue;
    part.push_back(op);
    if (op.returned <= place) continue;
    part.back().returned = kNever;
    part.back().may_be_void = true;
  }
  return part;
}

std::string Describe(const RegisterOp& op) {
  std::string text = op.text;
  if (text.empty()) {
    if (op.needs == Needs::kAbsent) text = "saw nothing";
    if (op.needs == Needs::kPresent) text = "saw something";
    if (op.needs == Needs::kExactly) text = absl::StrCat("saw ", op.value);
    if (op.writes.has_value())
      absl::StrAppend(&text, text.empty() ? "" : ", ", "wrote ", *op.writes);
  }
  absl::StrAppend(&text, " [", op.invoked, ", ");
  return absl::StrCat(text, op.returned == kNever ? "no answer" : absl::StrCat(op.returned), "]");
}

// How many are shown of an order's end, and of those under way then.
constexpr size_t kLastOnes = 3;
constexpr size_t kUnderWay = 2;

// One order of a part of the history, and what it leaves out.
std::string DescribeOrder(const std::vector<RegisterOp>& part,
                          const LinearizabilityOptions& options) {
  const std::vector<size_t> order = FindOrder(part, options).order;
  std::string text = absl::StrCat("\nOne order until then, of ", order.size(), ", ends with");
  uint64_t value = options.initial;
  for (size_t i = 0; i < order.size(); ++i) {
    value = part[order[i]].writes.value_or(value);
    if (i + kLastOnes >= order.size()) absl::StrAppend(&text, "\n  ", Describe(part[order[i]]));
  }
  absl::StrAppend(&text, "\nThen the value is ", value);
  const std::set<size_t> placed(order.begin(), order.end());
  size_t others = 0;
  for (size_t i = part.size(); i-- > 0;) {
    if (part[i].returned != kNever || placed.contains(i)) continue;
    if (++others == 1) absl::StrAppend(&text, ". Under way, and can't help:");
    if (others <= kUnderWay) absl::StrAppend(&text, "\n  ", Describe(part[i]));
  }
  if (others > kUnderWay) absl::StrAppend(&text, " and ", others - kUnderWay, " more");
  return text;
}

// An order is found faster than its absence is proved, so shorter parts are tried first.
constexpr size_t kEarly = 6;

std::string Explain(const std::vector<RegisterOp>& ops, const LinearizabilityOptions& options) {
  std::vector<const RegisterOp*> answered;
  for (const RegisterOp& op : ops) {
    if (op.returned != kNever) answered.push_back(&op);
  }
  std::stable_sort(answered.begin(), answered.end(), [](const RegisterOp* a, const RegisterOp* b) {
    return a->returned < b->returned;
  });
  // The first `good` answers have an order, the first `bad` have none. One more than there are: all
  // have one, but not together with what has no answer.
  size_t good = 0;
  size_t bad = answered.size() + 1;
  while (bad - good > 1) {
    const size_t middle = good + std::max<size_t>(1, (bad - good) / kEarly);
    const std::vector<RegisterOp> part = PartUpTo(ops, answered[middle - 1]->returned);
    (FindOrder(part, options).verdict == Verdict::kNot ? bad : good) = middle;
  }
  const RegisterOp* apart = bad <= answered.size() ? answered[bad - 1] : nullptr;
  const int64_t place = apart != nullptr ? apart->returned - 1 : kNever - 1;
  return absl::StrCat(
      "not linearizable: ", good, " of ", answered.size(),
      " answers have an order, but not with\n  ",
      apart != nullptr ? Describe(*apart) : "all that had an effect and got no answer",
      DescribeOrder(PartUpTo(ops, place), options));
}

}  // namespace

LinearizabilityResult CheckLinearizable(const std::vector<RegisterOp>& ops,
                                        const LinearizabilityOptions& options) {
  LinearizabilityResult result;
  result.verdict = FindOrder(ops, options).verdict;
  if (result.verdict == Verdict::kGaveUp) {
    result.why = absl::StrCat("gave up after ", options.max_states, " states");
  } else if (result.verdict == Verdict::kNot) {
    result.why = Explain(ops, options);
  }
  return result;
}

}  // namespace holdfast::sim
