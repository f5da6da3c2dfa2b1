// The only macros: returning early from a failed status, in functions and in coroutines, and
// checks.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/base/check.h"

#define HF_CONCAT_INNER(a, b) a##b
#define HF_CONCAT(a, b) HF_CONCAT_INNER(a, b)

// In a function that returns absl::Status or StatusOr.
#define HF_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (absl::Status hf_status = (expr); !hf_status.ok()) return hf_status; \
  } while (false)

#define HF_ASSIGN_OR_RETURN(lhs, expr) \
  HF_ASSIGN_OR_RETURN_IMPL(HF_CONCAT(hf_statusor_, __LINE__), lhs, expr, return)

// In a coroutine (Task<absl::Status> or Task<absl::StatusOr<T>>). `expr` may be `co_await x`.
#define HF_CO_RETURN_IF_ERROR(expr)           \
  do {                                        \
    absl::Status hf_status = (expr);          \
    if (!hf_status.ok()) co_return hf_status; \
  } while (false)

#define HF_CO_ASSIGN_OR_RETURN(lhs, expr) \
  HF_ASSIGN_OR_RETURN_IMPL(HF_CONCAT(hf_statusor_, __LINE__), lhs, expr, co_return)

#define HF_ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr, ret) \
  auto statusor = (expr);                                  \
  if (!statusor.ok()) ret std::move(statusor).status();    \
  lhs = std::move(statusor).value()
