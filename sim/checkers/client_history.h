// What clients were told, held against what the database has committed, at once; and kept for the
// checks at the end that know of nothing but what clients were told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/checkers/linearizable.h"
#include "sim/checkers/oracle.h"
#include "sim/checkers/serializable.h"
#include "sim/clients/client.h"

namespace holdfast::sim {

class ClientHistory {
 public:
  ClientHistory(World& world, Oracle& oracle) : world_(world), oracle_(oracle) {}

  // --- as it happens: I1, I3, and that no read is stale ---
  // A resource that a write was answered with. An update may have found it so.
  void created(const ResourceKey& key, const ResourceFacts& facts, const Answer& answer);
  void updated(const ResourceKey& key, const ResourceFacts& facts, const Answer& answer);
  void deleted(const ResourceKey& key, const Answer& answer);
  // A write with this marker was refused, and no attempt at it is left.
  void refused(const KindName& kind, const std::string& marker);
  // `facts` is nullptr if it wasn't there.
  void read(const ResourceKey& key, const ResourceFacts* facts, const Answer& answer);
  // A whole collection below `prefix`, as of `revision`.
  void listed(const KindName& kind, const std::string& prefix, Revision revision,
              const std::vector<ResourceFacts>& resources, const Answer& answer);

  // --- for the end ---
  void add(const ResourceKey& key, RegisterOp op);
  void add(ListTransaction transaction) { transactions_.push_back(std::move(transaction)); }
  // A number for a marker; 0 for "".
  [[nodiscard]] uint64_t number_of(const std::string& marker);
  // Per-key linearizable, and serializable as a whole.
  void check_at_end();

 private:
  // Was it so at any time between question and answer?
  [[nodiscard]] bool was(const ResourceKey& key, const ResourceFacts* facts, const Answer& answer);
  void broken(const std::string& rule, const std::string& what, const ResourceKey& key);

  World& world_;
  Oracle& oracle_;
  std::map<ResourceKey, std::vector<RegisterOp>> registers_;
  std::map<std::string, uint64_t> numbers_;
  std::vector<ListTransaction> transactions_;
};

}  // namespace holdfast::sim
