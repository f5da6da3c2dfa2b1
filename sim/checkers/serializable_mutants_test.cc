// What becomes of good histories if one thing in them is changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/list_store.h"
#include "sim/checkers/serializable.h"

namespace holdfast::sim {
namespace {

using ::testing::Contains;
using Access = ListAccess;
using Outcome = ListTransaction::Outcome;
using Transaction = ListTransaction;
using History = std::vector<ListTransaction>;

std::string Check(const History& history) { return CheckSerializable(history).anomaly; }

bool Has(const ListAccess& access, uint64_t value) {
  return access.read.has_value() &&
         std::find(access.read->begin(), access.read->end(), value) != access.read->end();
}

// One that is committed; `writer` is its place in the history.
struct Append {
  std::string key;
  uint64_t value;
  size_t writer;
};

std::vector<Append> Acknowledged(const History& history) {
  std::vector<Append> appends;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].outcome != Outcome::kCommitted) continue;
    for (const ListAccess& access : history[i].accesses) {
      if (access.append.has_value()) appends.push_back({access.key, *access.append, i});
    }
  }
  return appends;
}

// All that become of a good history by `change`, for each append and each read of the same list by
// another transaction. The last one looks at everything, and is not asked to change.
template <typename Change>
std::vector<History> Mutants(const History& good, Change change) {
  std::vector<History> mutants;
  for (const Append& append : Acknowledged(good)) {
    for (size_t i = 0; i + 1 < good.size(); ++i) {
      for (size_t j = 0; j < good[i].accesses.size(); ++j) {
        const ListAccess& access = good[i].accesses[j];
        if (good[i].outcome != Outcome::kCommitted || i == append.writer) continue;
        if (!access.read.has_value() || access.key != append.key) continue;
        History mutant = good;
        if (change(mutant, append, mutant[i], mutant[i].accesses[j])) mutants.push_back(mutant);
      }
    }
  }
  return mutants;
}

// Each of them is found, and under one of these names. `change` says whether it fits.
template <typename Change>
void ExpectFound(const std::vector<std::string>& names, Change change) {
  size_t found = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    ListStore store(seed, {.transactions = 30});
    History good = store.run();
    good.push_back(store.last_look());
    ASSERT_EQ(Check(good), "");
    for (const History& mutant : Mutants(good, change)) {
      const SerializabilityResult result = CheckSerializable(mutant);
      ASSERT_THAT(names, Contains(result.anomaly)) << "seed " << seed << "\n" << result.why;
      ++found;
    }
  }
  EXPECT_GT(found, 100U);
}

TEST(SerializableMutants, AnAppendThatIsDroppedIsALostUpdate) {
  ExpectFound({"lost-update"}, [](History& all, const Append& append, Transaction&, Access&) {
    for (Transaction& transaction : all) {
      for (Access& access : transaction.accesses) {
        if (access.read.has_value()) std::erase(*access.read, append.value);
      }
    }
    return true;
  });
}

TEST(SerializableMutants, AnOldReadIsFound) {
  ExpectFound({"G-single", "G2", "G-single-realtime"}, [](History& all, const Append& append,
                                                          Transaction& reader, Access& access) {
    if (all[append.writer].returned >= reader.invoked || access.append.has_value()) return false;
    access.read->erase(std::find(access.read->begin(), access.read->end(), append.value),
                       access.read->end());
    return true;
  });
}

TEST(SerializableMutants, AReadFromTheFutureIsFound) {
  ExpectFound({"G1c", "G-single", "G2", "G1c-realtime"},
              [](History& all, const Append& append, Transaction& reader, Access& access) {
                if (all[append.writer].invoked <= reader.returned || access.append.has_value()) {
                  return false;
                }
                for (const Access& last : all.back().accesses) {
                  if (last.key == access.key) access.read = last.read;
                }
                return true;
              });
}

TEST(SerializableMutants, AReadOfHalfATransactionIsFoundWithoutTheOrderInTime) {
  ExpectFound({"G-single"}, [](History& all, const Append& append, Transaction& reader,
                               Access& access) {
    const auto saw = [&reader](const Access& written) {
      return std::any_of(reader.accesses.begin(), reader.accesses.end(), [&](const Access& read) {
        return read.key == written.key && written.append.has_value() && Has(read, *written.append);
      });
    };
    const std::vector<Access>& written = all[append.writer].accesses;
    if (!Has(access, append.value) || access.append.has_value()) return false;
    if (std::count_if(written.begin(), written.end(), saw) < 2) return false;
    access.read->erase(std::find(access.read->begin(), access.read->end(), append.value),
                       access.read->end());
    for (Transaction& transaction : all) transaction.returned = kNever;
    return true;
  });
}

TEST(SerializableMutants, AReadThatComesTooLateIsFoundByTheOrderInTimeAlone) {
  ExpectFound({"G-single-realtime"}, [](History& all, const Append& append, Transaction& reader,
                                        Access& access) {
    const bool writes = std::any_of(reader.accesses.begin(), reader.accesses.end(),
                                    [](const Access& other) { return other.append.has_value(); });
    if (writes || Has(access, append.value)) return false;
    reader.invoked = all.back().returned + 1;
    reader.returned = reader.invoked + 1;
    return true;
  });
}

TEST(SerializableMutants, AWriterThatWasAbortedIsFoundIfItWasSeen) {
  ExpectFound({"G1a"}, [](History& all, const Append& append, Transaction&, Access& access) {
    all[append.writer].outcome = Outcome::kAborted;
    return Has(access, append.value);
  });
}

TEST(SerializableMutants, ReadsThatChangedPlacesAreFound) {
  ExpectFound({"garbage-read"}, [](History&, const Append&, Transaction& reader, Access& access) {
    for (Access& other : reader.accesses) {
      if (!other.read.has_value() || other.read == access.read) continue;
      std::swap(other.read, access.read);
      return true;
    }
    return false;
  });
}

TEST(SerializableMutants, NeighboursThatChangedPlacesAreFound) {
  ExpectFound({"incompatible-order"},
              [](History&, const Append& append, Transaction&, Access& access) {
                const auto at = std::find(access.read->begin(), access.read->end(), append.value);
                if (at == access.read->end() || at == access.read->begin()) return false;
                std::iter_swap(at, at - 1);
                return true;
              });
}

TEST(SerializableMutants, AValueThatIsThereTwiceIsFound) {
  ExpectFound({"duplicate-elements"},
              [](History&, const Append& append, Transaction&, Access& access) {
                const bool fits = Has(access, append.value);
                access.read->push_back(append.value);
                return fits;
              });
}

// All of it, of a size at which anything quadratic would be noticed.
TEST(SerializableMutants, OneStaleReadAmongThousandsIsFoundAndToldInAFewLines) {
  ListStore store(1, {.transactions = 5'000, .clients = 20, .keys = 20});
  History history = store.run();
  ASSERT_EQ(Check(history), "");
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].outcome != Outcome::kCommitted || i < history.size() / 2) continue;
    Access& access = history[i].accesses[0];
    if (access.append.has_value() || history[i].accesses.size() > 1) continue;
    access.read->resize(access.read->size() / 2);
    break;
  }
  const SerializabilityResult result = CheckSerializable(history);
  EXPECT_EQ(result.anomaly, "G-single-realtime");
  EXPECT_EQ(std::count(result.why.begin(), result.why.end(), '\n'), 4) << result.why;
}

}  // namespace
}  // namespace holdfast::sim
