#include "sim/checkers/client_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

bool Is(const SeenState& state, const ResourceFacts& facts) {
  return state.visible && state.uid == facts.uid && state.version == facts.version &&
         state.marker == facts.marker;
}

bool Matches(const SeenState* state, const ResourceFacts* facts) {
  if (facts == nullptr) return state == nullptr || !state->visible;
  return state != nullptr && Is(*state, *facts);
}

}  // namespace

void ClientHistory::broken(const std::string& rule, const std::string& what,
                           const ResourceKey& key) {
  world_.violated(rule, what, {key});
}

void ClientHistory::created(const ResourceKey& key, const ResourceFacts& facts,
                            const Answer& answer) {
  const std::vector<SeenState>& states = oracle_.history(key);
  const bool committed = std::any_of(states.begin(), states.end(), [&](const SeenState& state) {
    return Is(state, facts) && state.event > answer.invoked;
  });
  if (!committed) {
    broken("I3", absl::StrCat("acknowledged, not created: ", facts.uid.str(), " ", facts.marker),
           key);
  }
}

void ClientHistory::updated(const ResourceKey& key, const ResourceFacts& facts,
                            const Answer& answer) {
  if (was(key, &facts, answer)) return;
  broken("I3",
         absl::StrCat("acknowledged, and never so: version ", facts.version.value(), " ",
                      facts.marker),
         key);
}

void ClientHistory::deleted(const ResourceKey& key, const Answer& answer) {
  const std::vector<SeenState>& states = oracle_.history(key);
  const bool gone = std::any_of(states.begin(), states.end(), [&](const SeenState& state) {
    return !state.visible && state.event > answer.invoked;
  });
  if (!gone) broken("I3", "a deletion was acknowledged, and nothing was deleted", key);
}

void ClientHistory::refused(const KindName& kind, const std::string& marker) {
  if (!marker.empty()) oracle_.refused(kind, marker);
}

bool ClientHistory::was(const ResourceKey& key, const ResourceFacts* facts, const Answer& answer) {
  const std::vector<SeenState>& states = oracle_.history(key);
  const auto later = std::find_if(states.begin(), states.end(), [&](const SeenState& state) {
    return state.event > answer.invoked;
  });
  const SeenState* first = later == states.begin() ? nullptr : &*std::prev(later);
  return Matches(first, facts) || std::any_of(later, states.end(), [&](const SeenState& state) {
           return Matches(&state, facts);
         });
}

void ClientHistory::read(const ResourceKey& key, const ResourceFacts* facts, const Answer& answer) {
  if (was(key, facts, answer)) return;
  const std::string what =
      facts == nullptr ? "NOT_FOUND" : absl::StrCat("version ", facts->version.value());
  broken("stale-read", absl::StrCat("read ", what, ", which it wasn't at any time meanwhile"), key);
}

void ClientHistory::listed(const KindName& kind, const std::string& prefix, Revision revision,
                           const std::vector<ResourceFacts>& resources, const Answer& answer) {
  const ResourceKey place{kind, ResourceName(prefix)};
  // It may be beyond the last commit: a purge counts, too.
  if (revision < oracle_.revision_at(answer.invoked)) {
    broken("stale-read",
           absl::StrCat("a list of revision ", revision.value(), ", after ",
                        oracle_.revision_at(answer.invoked).value()),
           place);
    return;
  }
  const std::map<ResourceKey, const SeenState*> view = oracle_.view(kind, prefix, revision);
  for (const ResourceFacts& facts : resources) {
    const auto found = view.find({kind, ResourceName(facts.name)});
    if (found == view.end() || !Is(*found->second, facts)) {
      broken("I1",
             absl::StrCat("a list of revision ", revision.value(), " has ", facts.name, " version ",
                          facts.version.value()),
             {kind, ResourceName(facts.name)});
      return;
    }
  }
  if (view.size() != resources.size()) {
    broken("I1",
           absl::StrCat("a list of revision ", revision.value(), " has ", resources.size(),
                        " resources, not ", view.size()),
           place);
  }
}

void ClientHistory::add(const ResourceKey& key, RegisterOp op) {
  registers_[key].push_back(std::move(op));
}

uint64_t ClientHistory::number_of(const std::string& marker) {
  if (marker.empty()) return 0;
  return numbers_.emplace(marker, numbers_.size() + 1).first->second;
}

void ClientHistory::check_at_end() {
  using Verdict = LinearizabilityResult::Verdict;
  for (auto& [key, ops] : registers_) {
    const LinearizabilityResult result = CheckLinearizable(std::move(ops));
    if (result.verdict == Verdict::kGaveUp) world_.hit("checker: linearizability given up");
    if (result.verdict == Verdict::kLinearizable) world_.hit("checker: linearizable key");
    if (result.verdict == Verdict::kNot) broken("linearizable", result.why, key);
  }
  const SerializabilityResult result = CheckSerializable(transactions_);
  if (!result.ok) world_.violated("serializable", absl::StrCat(result.anomaly, ": ", result.why));
}

}  // namespace holdfast::sim
