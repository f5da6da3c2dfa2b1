// A storage batch in its fast form: as few statements as possible, each over all ops of a sort.
//
// It does what the exact form (plan.h) does, or fails as a whole without saying by which op: then
// the exact form is sent, and names it. So statements may come in another order than ops, and none
// needs to tell what it saw.
#pragma once

#include <optional>

#include "holdfast/base/types.h"
#include "holdfast/batch/batch.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/names.h"

namespace holdfast::storage::sql {

// nullopt: the order of the ops matters (two are about one row, or one gives up the value that an
// earlier one takes), and only the exact form keeps it.
[[nodiscard]] std::optional<batch::Batch> SetPlan(const Dialect& dialect, const NameIds& names,
                                                  const Batch& batch, Timestamp now);

}  // namespace holdfast::storage::sql
