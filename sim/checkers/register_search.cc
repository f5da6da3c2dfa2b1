#include "sim/checkers/register_search.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace holdfast::sim {
namespace {

using Needs = RegisterOp::Needs;
using Verdict = LinearizabilityResult::Verdict;

// A value as the search knows it. All that no operation asks for by name are one: it matters only
// that something is there.
using ValueId = uint32_t;
constexpr ValueId kGone = 0;
constexpr ValueId kSomething = 1;

struct Op {
  int64_t invoked;
  int64_t returned;
  Needs needs;  // not kAbsent: that is kExactly kGone
  ValueId value;
  std::optional<ValueId> writes;
  bool optional;  // may stay without effect
  size_t source;  // in the history
};

bool IsMet(Needs needs, ValueId by_name, ValueId value) {
  if (needs == Needs::kAnything) return true;
  return needs == Needs::kPresent ? value != kGone : value == by_name;
}

bool IsMet(const Op& op, ValueId value) { return IsMet(op.needs, op.value, value); }

// Operations without answer that differ only in when they were invoked. The one that was invoked
// first can stand wherever another of them can, so they are used in that order, and how many have
// been used says which.
struct Group {
  std::vector<Op> ops;
  bool optional;
};

// Operations by their places in the lists of the search.
struct Party {
  std::vector<size_t> closed;  // ascending
  std::vector<size_t> groups;
};

// Who deals with a value by name.
struct Dealings {
  Party needed_by;  // and these must have an effect
  Party wanted_by;
  Party written_by;
};

struct State {
  size_t base = 0;           // of the closed operations, all before are placed,
  std::vector<bool> done;    // and these of those from there on
  std::vector<size_t> used;  // of each group
  ValueId value = kGone;
  // The last step was of an optional group, from this value: the next must need it.
  std::optional<ValueId> before;
  size_t placed = 0;    // without those of optional groups,
  size_t optional = 0;  // and these
  size_t trace = 0;

  [[nodiscard]] bool is_done(size_t closed) const {
    return closed < base || (closed - base < done.size() && done[closed - base]);
  }
};

// Wing and Gong's search: what can come next is all that was invoked before the first answer of
// what has not been placed yet. States that have been seen are not entered again (Lowe 2017). Four
// things keep it narrow, and none of them loses an order:
//  - What only looks, and can come next, comes next: it may stand there in every order.
//  - An optional operation without answer comes only right before one that needs it. Anywhere else
//    it could as well come later, or never.
//  - A value that is still needed is not overwritten if nobody is left to write it again.
//  - A state is as good as seen if one was that differs only in fewer optional operations used.
class Search {
 public:
  Search(const std::vector<RegisterOp>& history, const LinearizabilityOptions& options);

  [[nodiscard]] RegisterOrder run();

 private:
  struct Step {
    const Op* op;
    size_t place;  // in closed_ or groups_
    bool of_group = false;
    bool skip = false;  // it has no effect
  };
  struct Trace {
    size_t parent;
    std::optional<size_t> source;
  };
  enum class Next { kDeepest, kShallowest };
  using Used = std::vector<size_t>;

  void add(Op op);
  void index();
  [[nodiscard]] Verdict run(Next next, size_t max_states);
  [[nodiscard]] bool remember(const State& state);
  [[nodiscard]] bool is_left(const State& state, const Party& party) const;
  [[nodiscard]] bool is_alive(const State& state, ValueId value) const;
  [[nodiscard]] ValueId nameless(const State& state, ValueId value) const;
  [[nodiscard]] std::vector<Step> candidates(const State& state) const;
  [[nodiscard]] std::vector<Step> steps(const State& state) const;
  [[nodiscard]] std::optional<State> after(const State& state, const Step& step);

  const size_t max_states_;
  std::vector<Op> closed_;  // with an answer, as they were invoked
  std::vector<Group> groups_;
  std::vector<Dealings> dealings_;  // by ValueId
  State first_;
  size_t last_placed_ = 0;  // when all is
  std::vector<Trace> traces_;
  size_t found_ = 0;  // its trace
  // By how many are placed, and by all else but the optional groups.
  std::map<size_t, std::unordered_map<std::string, std::vector<Used>>> seen_;
};

Search::Search(const std::vector<RegisterOp>& history, const LinearizabilityOptions& options)
    : max_states_(options.max_states) {
  std::map<uint64_t, ValueId> ids = {{0, kGone}};
  for (const RegisterOp& op : history) {
    const auto unused = static_cast<ValueId>(ids.size() + kSomething);
    if (op.needs == Needs::kExactly) ids.try_emplace(op.value, unused);
  }
  const auto id = [&ids](uint64_t value) {
    const auto found = ids.find(value);
    return found == ids.end() ? kSomething : found->second;
  };
  for (size_t i = 0; i < history.size(); ++i) {
    const RegisterOp& from = history[i];
    Op op{.invoked = from.invoked,
          .returned = from.returned,
          .needs = from.needs == Needs::kAbsent ? Needs::kExactly : from.needs,
          .value = from.needs == Needs::kExactly ? id(from.value) : kGone,
          .writes = std::nullopt,
          .optional = from.may_be_void,
          .source = i};
    if (from.writes.has_value()) op.writes = id(*from.writes);
    add(op);
  }
  dealings_.resize(ids.size() + 1);
  first_.value = id(options.initial);
  index();
}

void Search::add(Op op) {
  // Such a one can always come after all others.
  if (op.returned == kNever && op.needs == Needs::kAnything) op.optional = true;
  if (op.optional && !op.writes.has_value()) return;
  if (op.optional && op.returned == kNever) {
    // It is used only to turn nothing into something, or the other way round: nothing else can need
    // its value. So it is the same whether it would take effect otherwise.
    if (op.writes == kSomething && IsMet(op, kGone)) op.needs = Needs::kExactly;
    if (op.writes == kGone && op.needs == Needs::kAnything) op.needs = Needs::kPresent;
  }
  closed_.push_back(op);
}

void Search::index() {
  std::stable_sort(closed_.begin(), closed_.end(),
                   [](const Op& a, const Op& b) { return a.invoked < b.invoked; });
  std::map<std::tuple<bool, Needs, ValueId, std::optional<ValueId>>, std::vector<Op>> open;
  for (const Op& op : closed_) {
    if (op.returned == kNever) open[{op.optional, op.needs, op.value, op.writes}].push_back(op);
    if (op.returned != kNever || !op.optional) ++last_placed_;
  }
  std::erase_if(closed_, [](const Op& op) { return op.returned == kNever; });
  for (auto& [what, ops] : open) groups_.push_back({std::move(ops), std::get<bool>(what)});
  first_.used.resize(groups_.size());

  const auto enter = [this](const Op& op, std::vector<size_t> Party::*list, size_t place) {
    Dealings& needs = dealings_[op.value];
    if (op.needs == Needs::kExactly) {
      ((op.optional ? needs.wanted_by : needs.needed_by).*list).push_back(place);
    }
    if (op.writes.has_value()) (dealings_[*op.writes].written_by.*list).push_back(place);
  };
  for (size_t i = 0; i < closed_.size(); ++i) enter(closed_[i], &Party::closed, i);
  for (size_t i = 0; i < groups_.size(); ++i) enter(groups_[i].ops[0], &Party::groups, i);
}

// Whether some have not been placed.
bool Search::is_left(const State& state, const Party& party) const {
  for (const size_t group : party.groups) {
    if (state.used[group] < groups_[group].ops.size()) return true;
  }
  for (size_t i = party.closed.size(); i-- > 0 && party.closed[i] >= state.base;) {
    if (!state.is_done(party.closed[i])) return true;
  }
  return false;
}

// Whether all who need a value may still get it.
bool Search::is_alive(const State& state, ValueId value) const {
  return value == state.value || !is_left(state, dealings_[value].needed_by) ||
         is_left(state, dealings_[value].written_by);
}

ValueId Search::nameless(const State& state, ValueId value) const {
  const Dealings& dealings = dealings_[value];
  const bool named =
      value == kGone || is_left(state, dealings.needed_by) || is_left(state, dealings.wanted_by);
  return named ? value : kSomething;
}

// nullopt: no order can go on like this.
std::optional<State> Search::after(const State& state, const Step& step) {
  const Op& op = *step.op;
  State next = state;
  next.before.reset();
  if (step.of_group) {
    ++next.used[step.place];
    if (op.optional) next.before = state.value;
  } else {
    const size_t at = step.place - next.base;
    if (next.done.size() <= at) next.done.resize(at + 1);
    next.done[at] = true;
    const auto gap = std::find(next.done.begin(), next.done.end(), false);
    next.base += static_cast<size_t>(gap - next.done.begin());
    next.done.erase(next.done.begin(), gap);
  }
  ++(step.of_group && op.optional ? next.optional : next.placed);
  if (!step.skip) next.value = op.writes.value_or(state.value);
  if (!is_alive(next, step.skip ? *op.writes : state.value)) return std::nullopt;
  next.value = nameless(next, next.value);
  traces_.push_back({state.trace, step.skip ? std::nullopt : std::optional(op.source)});
  next.trace = traces_.size() - 1;
  return next;
}

// Whether the state is new.
bool Search::remember(const State& state) {
  std::string key;
  const auto put = [&key](size_t number) {
    for (int shift = 0; shift < 32; shift += 8) key.push_back(static_cast<char>(number >> shift));
  };
  Used used;
  put(state.base);
  put(state.value);
  put(state.before.has_value() ? *state.before + 1 : 0);
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].optional) used.push_back(state.used[i]);
    if (!groups_[i].optional) put(state.used[i]);
  }
  for (size_t i = 0; i < state.done.size(); ++i) {
    if (i % 8 == 0) key.push_back(0);
    if (state.done[i]) key.back() = static_cast<char>(key.back() | 1 << i % 8);
  }
  const auto is_within = [](const Used& a, const Used& b) {
    return std::equal(a.begin(), a.end(), b.begin(), std::less_equal<>());
  };
  std::vector<Used>& seen = seen_[state.placed][key];
  for (const Used& other : seen) {
    if (is_within(other, used)) return false;
  }
  std::erase_if(seen, [&](const Used& other) { return is_within(used, other); });
  seen.push_back(std::move(used));
  return true;
}

bool MayCome(const State& state, const Op& op) {
  return IsMet(op, state.value) && !(state.before.has_value() && IsMet(op, *state.before));
}

// What may come next as far as time is concerned; first what is answered first.
std::vector<Search::Step> Search::candidates(const State& state) const {
  std::vector<Step> found;
  int64_t barrier = kNever;
  for (size_t i = state.base; i < closed_.size() && closed_[i].invoked <= barrier; ++i) {
    if (state.is_done(i)) continue;
    found.push_back({.op = &closed_[i], .place = i});
    barrier = std::min(barrier, closed_[i].returned);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Step& a, const Step& b) { return a.op->returned < b.op->returned; });
  for (size_t i = 0; i < groups_.size(); ++i) {
    const size_t used = state.used[i];
    if (used == groups_[i].ops.size() || groups_[i].ops[used].invoked > barrier) continue;
    found.push_back({.op = &groups_[i].ops[used], .place = i, .of_group = true});
  }
  return found;
}

std::vector<Search::Step> Search::steps(const State& state) const {
  const std::vector<Step> all = candidates(state);
  std::set<std::pair<Needs, ValueId>> unmet;
  for (const Step& step : all) {
    if (!step.op->writes.has_value() && MayCome(state, *step.op)) return {step};
    if (!IsMet(*step.op, state.value)) unmet.emplace(step.op->needs, step.op->value);
  }
  const auto is_needed = [&unmet](const Op& op) {
    return std::any_of(unmet.begin(), unmet.end(), [&op](const auto& need) {
      return IsMet(need.first, need.second, *op.writes);
    });
  };
  std::vector<Step> steps;
  for (const Step& step : all) {
    const bool lazy = step.of_group && step.op->optional;
    if (MayCome(state, *step.op) && (!lazy || is_needed(*step.op))) steps.push_back(step);
  }
  // Only the first answer keeps others waiting, and an optional group's step would have waited.
  if (!all.empty() && !all[0].of_group && all[0].op->optional && !state.before.has_value()) {
    steps.push_back(all[0]);
    steps.back().skip = true;
  }
  return steps;
}

Verdict Search::run(Next next, size_t max_states) {
  traces_ = {{}};
  seen_.clear();
  std::map<std::pair<size_t, size_t>, std::vector<State>> waiting;
  waiting[{0, 0}].push_back(first_);
  for (size_t states = 0; !waiting.empty();) {
    // What used fewer optional operations comes first: it may spare the others.
    const auto from = next == Next::kDeepest
                          ? waiting.lower_bound({waiting.rbegin()->first.first, 0})
                          : waiting.begin();
    const State state = std::move(from->second.back());
    from->second.pop_back();
    if (from->second.empty()) waiting.erase(from);
    if (next == Next::kShallowest) seen_.erase(seen_.begin(), seen_.lower_bound(state.placed));
    if (!remember(state)) continue;
    found_ = state.trace;
    if (state.placed == last_placed_) return Verdict::kLinearizable;
    if (++states > max_states) return Verdict::kGaveUp;
    std::vector<Step> steps = this->steps(state);
    std::reverse(steps.begin(), steps.end());
    for (const Step& step : steps) {
      std::optional<State> reached = after(state, step);
      if (!reached.has_value()) continue;
      waiting[{reached->placed, reached->optional}].push_back(*std::move(reached));
    }
  }
  return Verdict::kNot;
}

// Most histories have an order, and most of these are found without looking back much. Otherwise it
// is best never to come to a state after one that is worse. Which it is can't be known.
constexpr size_t kFirstStatesPerOp = 4;
constexpr size_t kGrowth = 8;

RegisterOrder Search::run() {
  for (ValueId value = 0; value < dealings_.size(); ++value) {
    if (!is_alive(first_, value)) return {.verdict = Verdict::kNot};
  }
  RegisterOrder result;
  Next next = Next::kDeepest;
  for (size_t states = kFirstStatesPerOp * last_placed_; result.verdict == Verdict::kGaveUp;) {
    result.verdict = run(next, std::min(states, max_states_));
    if (states >= max_states_ && next == Next::kShallowest) break;
    states *= kGrowth;
    next = next == Next::kDeepest ? Next::kShallowest : Next::kDeepest;
  }
  if (result.verdict != Verdict::kLinearizable) return result;
  for (size_t at = found_; at != 0; at = traces_[at].parent) {
    if (traces_[at].source.has_value()) result.order.push_back(*traces_[at].source);
  }
  std::reverse(result.order.begin(), result.order.end());
  return result;
}

}  // namespace

RegisterOrder FindOrder(const std::vector<RegisterOp>& history,
                        const LinearizabilityOptions& options) {
  return Search(history, options).run();
}

}  // namespace holdfast::sim
