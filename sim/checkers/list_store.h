// A store of lists as serializable.h sees it, for its tests: clients that do things at once, and a
// history of what they saw that follows from the seed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "sim/checkers/serializable.h"

namespace holdfast::sim {

enum class ListIsolation {
  kSerializable,     // all at one moment
  kSnapshot,         // reads at one, appends at another if nobody else did to the same lists
  kReadCommitted,    // each read at its own, all appends at another
  kReadUncommitted,  // everything at its own, and an abort takes back
};

struct ListStoreOptions {
  ListIsolation isolation = ListIsolation::kSerializable;
  size_t transactions = 60;
  size_t clients = 5;
  uint64_t keys = 4;
  uint64_t troubled = 10;  // one of so many is aborted, and one gets no answer
};

class ListStore {
 public:
  ListStore(uint64_t seed, const ListStoreOptions& options)
      : random_(seed), options_(options), clients_(options.clients) {}

  // Once.
  [[nodiscard]] std::vector<ListTransaction> run();
  // Then: one more transaction, which sees all that there is in the end.
  [[nodiscard]] ListTransaction last_look() const;

 private:
  using Values = std::vector<uint64_t>;
  using Contents = std::map<std::string, Values>;
  struct Call {
    size_t transaction = 0;
    size_t steps = 0;  // left: one for each access, the commit, the answer
    std::optional<Contents> snapshot;
    ListTransaction::Outcome fate = ListTransaction::Outcome::kCommitted;
  };

  [[nodiscard]] uint64_t draw(uint64_t below) { return random_() % below; }
  [[nodiscard]] std::vector<ListAccess>& accesses(const Call& call) {
    return history_[call.transaction].accesses;
  }

  void invoke(Call& call);
  void step(Call& call);
  void access(Call& call, ListAccess& access);
  void commit(Call& call);
  void execute(const Call& call);
  void take_back(const Call& call);
  void append(const ListAccess& access);

  std::mt19937_64 random_;
  const ListStoreOptions options_;
  std::vector<Call> clients_;
  std::vector<Call> late_;  // nobody waits for them, but they take effect
  int64_t now_ = 0;
  uint64_t last_value_ = 0;
  Contents lists_;
  std::vector<ListTransaction> history_;
};

}  // namespace holdfast::sim
