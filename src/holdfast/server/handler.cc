#include "holdfast/server/handler.h"

#include "holdfast/base/error.h"

namespace holdfast::server {

Task<absl::StatusOr<Response>> Handler::call(CallContext, MessagePtr) {
  co_return MakeError(Reason::kInternal, "a streaming method was called as a unary one");
}

Task<absl::Status> Handler::stream(CallContext, MessagePtr, ResponseStream&) {
  co_return MakeError(Reason::kInternal, "a unary method was called as a streaming one");
}

}  // namespace holdfast::server
