#include "sim/checkers/list_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

using Outcome = ListTransaction::Outcome;

// How many the late ones wait for, about.
constexpr uint64_t kSteps = 30;

void ReadOne(ListAccess& access, std::map<std::string, std::vector<uint64_t>>& from) {
  if (access.read.has_value()) access.read = from[access.key];
}

}  // namespace

std::vector<ListTransaction> ListStore::run() {
  size_t busy = 0;
  while (history_.size() < options_.transactions || busy > 0) {
    Call& call = clients_[draw(clients_.size())];
    if (call.steps > 0) {
      step(call);
      busy -= call.steps == 0 ? 1 : 0;
    } else if (history_.size() < options_.transactions) {
      invoke(call);
      ++busy;
    }
    if (!late_.empty() && draw(kSteps) == 0) {
      execute(late_.back());
      late_.pop_back();
    }
  }
  return history_;
}

ListTransaction ListStore::last_look() const {
  ListTransaction look = {.invoked = now_ + 1, .returned = now_ + 2, .text = "last look"};
  for (const auto& [key, values] : lists_) look.accesses.push_back({key, values, {}});
  return look;
}

void ListStore::invoke(Call& call) {
  call = {.transaction = history_.size()};
  history_.push_back({.invoked = ++now_, .text = absl::StrCat("number ", history_.size())});
  std::vector<uint64_t> keys(options_.keys);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i;
  std::shuffle(keys.begin(), keys.end(), random_);
  keys.resize(1 + draw(std::min<uint64_t>(3, options_.keys)));
  for (const uint64_t key : keys) {
    ListAccess access = {.key = absl::StrCat("k", key)};
    const uint64_t kind = draw(3);
    if (kind != 0) access.read.emplace();
    if (kind != 1) access.append = ++last_value_;
    accesses(call).push_back(access);
  }
  call.steps = keys.size() + 2;
  const uint64_t fate = draw(options_.troubled);
  if (fate < 2) call.fate = fate == 0 ? Outcome::kAborted : Outcome::kUnknown;
}

void ListStore::step(Call& call) {
  --call.steps;
  ListTransaction& transaction = history_[call.transaction];
  if (call.steps == 0) {
    transaction.outcome = call.fate;
    if (call.fate != Outcome::kUnknown) transaction.returned = ++now_;
  } else if (call.steps == 1) {
    commit(call);
  } else {
    access(call, transaction.accesses[transaction.accesses.size() + 1 - call.steps]);
  }
}

void ListStore::access(Call& call, ListAccess& access) {
  if (options_.isolation == ListIsolation::kSnapshot) {
    if (!call.snapshot.has_value()) call.snapshot = lists_;
    ReadOne(access, *call.snapshot);
  } else if (options_.isolation != ListIsolation::kSerializable) {
    ReadOne(access, lists_);
  }
  if (options_.isolation == ListIsolation::kReadUncommitted) append(access);
}

void ListStore::commit(Call& call) {
  if (options_.isolation == ListIsolation::kSnapshot) {
    for (const ListAccess& access : accesses(call)) {
      const bool changed = lists_[access.key] != (*call.snapshot)[access.key];
      if (access.append.has_value() && changed) call.fate = Outcome::kAborted;
    }
  }
  if (options_.isolation == ListIsolation::kReadUncommitted) {
    if (call.fate == Outcome::kAborted) take_back(call);
  } else if (call.fate == Outcome::kUnknown && draw(3) > 0) {
    // It never takes effect, or, where that does no harm, after others have been told so.
    if (options_.isolation == ListIsolation::kSerializable && draw(2) == 0) late_.push_back(call);
  } else if (call.fate != Outcome::kAborted) {
    execute(call);
  }
}

void ListStore::execute(const Call& call) {
  for (ListAccess& access : accesses(call)) {
    if (options_.isolation == ListIsolation::kSerializable) ReadOne(access, lists_);
    append(access);
  }
}

void ListStore::take_back(const Call& call) {
  for (const ListAccess& access : accesses(call)) {
    if (access.append.has_value()) std::erase(lists_[access.key], *access.append);
  }
}

void ListStore::append(const ListAccess& access) {
  if (access.append.has_value()) lists_[access.key].push_back(*access.append);
}

}  // namespace holdfast::sim
