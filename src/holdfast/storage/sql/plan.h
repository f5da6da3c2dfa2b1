// A storage batch in its exact form: steps of SQL in the order of ops, and the way back: which op a
// failed step was about.
//
// Ops of one type become one step for each statement that they need, executed once for each op. An
// op's own statements must still come in the order of ops wherever that could be noticed; see
// RowRun in plan.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "holdfast/base/types.h"
#include "holdfast/batch/batch.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/sql/binds.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/names.h"

namespace holdfast::storage::sql {

// A failure of the database as a whole; or kBug, if it was of a step.
[[nodiscard]] Failure FailureOf(const batch::Failure& failure);

class Plan {
 public:
  // Takes bodies and edges out of `batch`, which must live as long as the plan.
  Plan(const Dialect& dialect, const NameIds& names, Batch& batch, Timestamp now);

  // The steps. Once.
  [[nodiscard]] batch::Batch take();
  // Of the step that returns the batch's revision; only if the dialect has next_revision.
  [[nodiscard]] batch::StepHandle revision() const { return {0}; }
  // In the words of storage/batch.h.
  [[nodiscard]] Failure explain(const batch::Failure& failure) const;

 private:
  class RowRun;

  // What a step is about, and so what its Failure::observed holds.
  enum class About {
    kNothing,
    kRequest,
    kRow,
    kUnique,
    kCursor,
    kClaim,
    kLimit,
    kInbound,
    kChild,
    kHold
  };
  // Where an execution comes from.
  struct Origin {
    uint32_t op = 0;
    uint32_t part = 0;  // which of an op's unique values, or of its kinds of children
  };
  struct Statement {
    const char* label;  // the text's name in the dialect
    const std::string& sql;
    batch::Expect expect = {};
    const std::string* observe = nullptr;
    About about = About::kNothing;
  };

  // Adds an execution: to the last step, if that is of this statement.
  void add(const Statement& statement, batch::Row binds, Origin origin);

  using Positions = std::vector<uint32_t>;
  void plan_locks();
  void plan_requests(const Positions& ops);
  void plan_guards(const Positions& ops);
  void plan_required_claims(const Positions& ops);
  void plan_erases(const Positions& ops);
  void plan_updates(const Positions& ops);
  void plan_states(const Positions& ops);
  void plan_creates(const Positions& ops);
  void plan_cursors(const Positions& ops);
  void plan_limits(const Positions& ops);
  void plan_dropped_claims(const Positions& ops);
  void plan_claims(const Positions& ops);
  void plan_targets(const Positions& ops);
  void plan_inbound(const Positions& ops);
  void plan_children(const Positions& ops);
  void plan_unheld(const Positions& ops);

  [[nodiscard]] Failure see_row(Failure failure, batch::Row observed) const;
  [[nodiscard]] Failure see_claim(Failure failure, batch::Row observed) const;
  [[nodiscard]] Failure see_hold(Failure failure, batch::Row observed) const;
  [[nodiscard]] Failure see_limit(Failure failure, const batch::Failure& from) const;
  [[nodiscard]] Failure see_unique(Failure failure, uint32_t part) const;
  [[nodiscard]] Failure see_inbound(Failure failure, batch::Row observed) const;
  [[nodiscard]] Failure see_child(Failure failure, uint32_t part, batch::Row observed) const;

  const Dialect& dialect_;
  const Binder bind_;
  Batch& batch_;
  Timestamp now_;
  std::vector<batch::Step> steps_;
  const std::string* last_sql_ = nullptr;     // of the last step: texts are compared by address
  std::vector<const char*> labels_;           // of each step
  std::vector<About> about_;                  // of each step
  std::vector<std::vector<Origin>> origins_;  // of each step's executions
};

}  // namespace holdfast::storage::sql
