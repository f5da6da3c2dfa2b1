// The layer that keeps references true: what is saved may only refer to what is there, what is
// deleted takes with it, clears or is blocked by what refers to it.
#pragma once

#include "holdfast/store/constraint/deletion.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

class ConstraintLayer final : public Layer {
 public:
  explicit ConstraintLayer(ConstraintOptions options) : options_(options) {}
  Task<absl::Status> prepare(WriteSet& set) override;

 private:
  ConstraintOptions options_;
};

}  // namespace holdfast::store
