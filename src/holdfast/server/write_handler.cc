// Create, Update and Delete (AIP-133, AIP-134, AIP-135).
#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/request.h"
#include "holdfast/server/write_op.h"

namespace holdfast::server {
namespace {

class WriteHandler final : public Handler {
 public:
  WriteHandler(Host host, const schema::Method& method)
      : host_(host), method_(method), fields_(method.request, method.kind) {}

  Task<absl::StatusOr<Response>> call(CallContext context, MessagePtr request) override {
    HF_CO_ASSIGN_OR_RETURN(store::WriteRequest write,
                           ReadWriteOptions(method_.full_name, *request, fields_));
    HF_CO_ASSIGN_OR_RETURN(store::WriteOp op,
                           TakeWriteOp(method_.verb, *method_.kind, fields_, *request, ""));
    write.ops.push_back(std::move(op));
    write.deadline = context.deadline;
    absl::StatusOr<store::WriteResult> done =
        co_await host_.deployment.store->write(std::move(write));
    if (!done.ok()) co_return done.status();
    MessagePtr response = host_.new_message(method_.response);
    if (method_.verb != schema::Verb::kDelete) response->CopyFrom(*done->resources.at(0));
    co_return response;
  }

 private:
  Host host_;
  const schema::Method& method_;
  RequestFields fields_;
};

}  // namespace

std::unique_ptr<Handler> MakeWriteHandler(Host host, const schema::Method& method) {
  return std::make_unique<WriteHandler>(host, method);
}

}  // namespace holdfast::server
