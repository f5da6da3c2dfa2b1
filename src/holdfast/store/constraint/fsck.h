// Checks a whole deployment: that every reference is true, and that what is kept beside the
// resources (edges, limits, indexed fields, shadows' states) says the same as they do.
//
// Reads one snapshot in pages. Memory: one entry a limit's holder, and 16 bytes a unique value.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

class Fsck {
 public:
  Fsck(const Plans& plans, storage::Snapshot& snapshot) : plans_(plans), snapshot_(snapshot) {}

  // Once. Rules: unknown-kind, bad-name, unreadable-body, missing-body, metadata-mismatch,
  // stale-index, missing-parent, dangling-reference, reference-without-edge,
  // edge-without-reference, duplicate-value, limit-mismatch, orphaned-closing, stuck-deletion.
  Task<absl::StatusOr<FsckReport>> run();

 private:
  // Of edges in any order: equal sums mean equal edges.
  struct EdgeSum {
    int64_t count = 0;
    std::array<uint64_t, 2> sums = {};
    void add(const storage::Edge& edge);
    bool operator==(const EdgeSum&) const = default;
  };

  Task<absl::Status> check_rows();
  Task<absl::Status> check_page(const std::vector<storage::Row>& rows);
  Task<absl::Status> check_row(const storage::Row& row);
  void check_resource(const KindPlan& plan, const storage::Row& row,
                      const google::protobuf::Message& resource);
  void collect_needs(const KindPlan& plan, const storage::Row& row,
                     const google::protobuf::Message& resource);
  Task<absl::Status> sum_inbound(const ResourceKey& target);
  Task<absl::StatusOr<bool>> has_edge(const storage::Edge& edge);
  Task<absl::Status> check_needs();
  Task<absl::Status> check_round(const storage::Row& row);
  Task<absl::Status> check_limits();
  // Look at every reference, and at every edge: only when something differs.
  Task<absl::Status> find_missing_edges();
  Task<absl::Status> find_extra_edges();
  Task<absl::Status> check_inbound_of(const ResourceKey& target);
  void find(std::string rule, const ResourceKey& key, std::string detail);

  const Plans& plans_;
  storage::Snapshot& snapshot_;
  FsckReport report_;
  // What a page of rows needs to be there; without a field: a parent.
  std::vector<storage::Edge> needs_;
  // References whose target has a row, and edges at rows.
  EdgeSum references_at_rows_;
  EdgeSum edges_at_rows_;
  bool missing_ = false;  // an edge to what has no row
  std::map<storage::LimitKey, int64_t> counts_;
  std::set<std::array<uint64_t, 2>> unique_;
};

}  // namespace holdfast::store
