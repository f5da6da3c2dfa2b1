#include "holdfast/batch/batch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch {
namespace {

std::string JoinLabels(std::string_view outer, std::string_view inner) {
  if (outer.empty()) return std::string(inner);
  if (inner.empty()) return std::string(outer);
  return absl::StrCat(ToAbsl(outer), "/", ToAbsl(inner));
}

std::string_view Describe(FailureClass failure_class) {
  switch (failure_class) {
    case FailureClass::kConstraint:
      return "a constraint failed";
    case FailureClass::kGuard:
      return "a guard didn't hold";
    case FailureClass::kRowCount:
      return "not the expected number of rows";
    case FailureClass::kRetryable:
      return "lost against other transactions";
    case FailureClass::kAmbiguous:
      return "it isn't known whether it was committed";
    case FailureClass::kUnavailable:
      return "the database didn't take it";
    case FailureClass::kBug:
      return "the statement is wrong";
  }
  return "";
}

// "project.create/vpc.create: a constraint failed (unique(vpc.name)): UNIQUE constraint failed: …"
std::string Message(const Failure& failure) {
  std::string text = absl::StrCat(failure.label, ": ", ToAbsl(Describe(failure.failure_class)));
  if (!failure.constraint.empty()) absl::StrAppend(&text, " (", failure.constraint, ")");
  if (failure.failure_class == FailureClass::kRowCount)
    absl::StrAppend(&text, " (", failure.rows, ")");
  if (!failure.message.empty()) absl::StrAppend(&text, ": ", failure.message);
  return text;
}

absl::Status DefaultStatus(const Failure& failure) {
  if (failure.failure_class == FailureClass::kGuard && failure.constraint == kIdempotencyGuard) {
    return MakeError(Reason::kRequestIdReused, Message(failure));
  }
  switch (failure.failure_class) {
    case FailureClass::kRetryable:
      return MakeError(Reason::kConflict, Message(failure));
    case FailureClass::kAmbiguous:
      return MakeError(Reason::kCommitUnknown, Message(failure));
    case FailureClass::kUnavailable:
      return MakeError(Reason::kDatabaseUnavailable, Message(failure));
    default:
      return MakeError(Reason::kInternal, Message(failure));
  }
}

}  // namespace

ErrorMap& ErrorMap::on_constraint(std::string constraint, Mapper mapper) {
  constraints_[std::move(constraint)] = std::move(mapper);
  return *this;
}

ErrorMap& ErrorMap::on_guard(Mapper mapper) {
  guard_ = std::move(mapper);
  return *this;
}

ErrorMap& ErrorMap::on_row_count(Mapper mapper) {
  row_count_ = std::move(mapper);
  return *this;
}

absl::Status ErrorMap::map(const Failure& failure) const {
  const Mapper* mapper = nullptr;
  if (failure.failure_class == FailureClass::kConstraint) {
    const auto it = constraints_.find(failure.constraint);
    if (it != constraints_.end()) mapper = &it->second;
  } else if (failure.failure_class == FailureClass::kGuard) {
    mapper = &guard_;
  } else if (failure.failure_class == FailureClass::kRowCount) {
    mapper = &row_count_;
  }
  if (mapper == nullptr || !*mapper) return DefaultStatus(failure);
  return (*mapper)(failure);
}

size_t Fragment::add(Step step) {
  steps_.push_back(std::move(step));
  return steps_.size() - 1;
}

size_t Fragment::add(std::string_view label, Fragment fragment) {
  const size_t first = steps_.size();
  for (Step& step : fragment.steps_) {
    step.label = JoinLabels(label, step.label);
    steps_.push_back(std::move(step));
  }
  return first;
}

StepHandle Batch::add(Step step) {
  constexpr size_t kOften =
      16;  // steps are large: growing one by one would move them again and again
  if (steps_.empty()) steps_.reserve(kOften);
  steps_.push_back(std::move(step));
  return {steps_.size() - 1};
}

StepHandle Batch::add(std::string_view label, Fragment fragment) {
  const StepHandle first{steps_.size()};
  for (Step& step : fragment.steps_) {
    step.label = JoinLabels(label, step.label);
    steps_.push_back(std::move(step));
  }
  return first;
}

Outcome Outcome::Committed(std::vector<std::vector<Row>> rows) {
  Outcome outcome;
  outcome.rows_ = std::move(rows);
  return outcome;
}

Outcome Outcome::Resolved(const Batch& batch, std::string answer) {
  Outcome outcome;
  outcome.rows_.resize(batch.size());
  outcome.answer_ = std::move(answer);
  return outcome;
}

Outcome Outcome::Failed(const Batch& batch, Failure failure) {
  Outcome outcome;
  if (failure.step < batch.size()) {
    const Step& step = batch.steps()[failure.step];
    failure.label = JoinLabels(batch.label(), step.label);
    outcome.status_ = step.errors.map(failure);
  } else {
    failure.label = JoinLabels(batch.label(), "commit");
    outcome.status_ = ErrorMap().map(failure);
  }
  HF_CHECK(!outcome.status_.ok()) << failure.label << ": its error map calls a failure a success";
  outcome.failure_ = std::move(failure);
  return outcome;
}

const std::vector<Row>& Outcome::rows(StepHandle step) const {
  HF_CHECK(ok()) << status_.ToString();
  HF_CHECK(step.index < rows_.size()) << "a handle of another batch";
  return rows_[step.index];
}

const std::string& Outcome::answer() const {
  HF_CHECK(resolved()) << "nothing was resolved";
  return *answer_;
}

}  // namespace holdfast::batch
