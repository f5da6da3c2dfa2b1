#include "holdfast/app/holdfast/context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::cli {

using google::protobuf::MethodDescriptor;

absl::StatusOr<std::unique_ptr<Context>> Context::Connect(const GlobalFlags& flags) {
  std::unique_ptr<Context> context(new Context());
  HF_ASSIGN_OR_RETURN(context->format_, ParseFormat(flags.output));
  HF_ASSIGN_OR_RETURN(context->client_, real::Client::Connect(flags.server));
  context->catalog_ = std::make_unique<Catalog>(*context->client_);
  context->timeout_seconds_ = flags.timeout_seconds;
  return context;
}

absl::StatusOr<real::MessagePtr> Context::call(const MethodDescriptor* method,
                                               const google::protobuf::Message& request) {
  constexpr double kMicroseconds = 1e6;
  const Duration timeout(static_cast<int64_t>(timeout_seconds_ * kMicroseconds));
  return client_->call(method, request, {.timeout = timeout});
}

absl::StatusOr<const MethodDescriptor*> Context::Method(const ServedKind& kind,
                                                        std::string_view verb) {
  const MethodDescriptor* method = kind.method(verb);
  if (method != nullptr) return method;
  return absl::UnimplementedError(
      absl::StrCat("the server has no method ", ToAbsl(verb), " for ", kind.name));
}

absl::StatusOr<const MethodDescriptor*> Context::package_method(const ServedKind& kind,
                                                                std::string_view name) const {
  const MethodDescriptor* method =
      client_->find_method(absl::StrCat(kind.package, ".", ToAbsl(name)));
  if (method != nullptr) return method;
  return absl::UnimplementedError(
      absl::StrCat("the server has no method ", kind.package, ".", ToAbsl(name)));
}

}  // namespace holdfast::cli
