// The innermost layer: changes become rows.
#pragma once

#include "holdfast/store/write_set.h"

namespace holdfast::store {

class CoreLayer final : public Layer {
 public:
  Task<absl::Status> prepare(WriteSet& set) override;
};

}  // namespace holdfast::store
