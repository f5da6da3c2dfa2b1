// Transact: creates, updates and deletes of any kinds, all or none.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/request.h"
#include "holdfast/server/write_op.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

class TransactHandler final : public Handler {
 public:
  TransactHandler(Host host, const schema::Method& method)
      : host_(host),
        method_(method),
        fields_(method.request, nullptr),
        operation_(fields_.operations->message_type(), nullptr) {
    for (const schema::TransactField& field : method.service->transact_fields) {
      choices_.emplace(field.field,
                       Choice{field, RequestFields(field.field->message_type(), field.kind)});
    }
    const pb::Descriptor* response = method.response;
    results_ = response->FindFieldByName("results");
    revision_ = response->FindFieldByName("revision");
  }

  Task<absl::StatusOr<Response>> call(CallContext context, MessagePtr request) override {
    HF_CO_RETURN_IF_ERROR(check_size(*request));
    HF_CO_ASSIGN_OR_RETURN(store::WriteRequest write,
                           ReadWriteOptions(method_.full_name, *request, fields_));
    const int count = request->GetReflection()->FieldSize(*request, fields_.operations);
    for (int i = 0; i < count; ++i) {
      HF_CO_ASSIGN_OR_RETURN(store::WriteOp op, take_op(*request, i));
      write.ops.push_back(std::move(op));
    }
    write.deadline = context.deadline;
    std::vector<Outline> outlines;
    for (const store::WriteOp& op : write.ops) outlines.push_back({op.label, op.kind});
    const bool commits = write.mode == store::WriteMode::kCommit;
    absl::StatusOr<store::WriteResult> done =
        co_await host_.deployment.store->write(std::move(write));
    if (!done.ok()) co_return done.status();
    if (commits && done->revision == Revision()) co_await look_up(done->revision);
    co_return respond(*done, outlines);
  }

 private:
  // A state that has the batch, where the commit itself doesn't know one. It is done: whatever
  // happens here mustn't look like a failure.
  Task<void> look_up(Revision& revision) {
    const absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot =
        co_await host_.deployment.engine->snapshot();
    if (snapshot.ok()) revision = (*snapshot)->revision();
  }

  struct Choice {
    schema::TransactField field;
    RequestFields fields;
  };
  // What the response needs of an op that has been given away.
  struct Outline {
    std::string label;
    const schema::Kind* kind;
  };

  absl::Status check_size(const pb::Message& request) const {
    const int count = request.GetReflection()->FieldSize(request, fields_.operations);
    if (count == 0) return FieldError(Reason::kInvalidField, "operations", "is required");
    const size_t max = host_.options.max_batch_ops;
    if (static_cast<size_t>(count) <= max) return absl::OkStatus();
    return FieldError(
        Reason::kTooManyOperations, "operations",
        absl::StrCat("has ", count, " operations; at most ", max, " fit into one batch"));
  }

  absl::StatusOr<store::WriteOp> take_op(pb::Message& request, int index) {
    pb::Message& operation =
        *request.GetReflection()->MutableRepeatedMessage(&request, fields_.operations, index);
    const std::string label = Text(operation, operation_.label);
    absl::StatusOr<store::WriteOp> op = take_op(operation, absl::StrCat("operations[", index, "]"));
    if (op.ok()) {
      op->label = label;
      return op;
    }
    const absl::Status with_index =
        AddErrorMetadata(op.status(), "operation_index", absl::StrCat(index),
                         absl::StrCat("operation ", index, ": "));
    return label.empty() ? with_index
                         : AddErrorMetadata(with_index, "operation_label", ForMessage(label));
  }

  absl::StatusOr<store::WriteOp> take_op(pb::Message& operation, const std::string& path) {
    HF_RETURN_IF_ERROR(
        CheckPrintable(Text(operation, operation_.label), kMaxLabelBytes, path + ".label"));
    const pb::Reflection& reflection = *operation.GetReflection();
    const pb::FieldDescriptor* chosen =
        reflection.GetOneofFieldDescriptor(operation, operation.GetDescriptor()->oneof_decl(0));
    const auto choice = choices_.find(chosen);
    if (choice == choices_.end()) {
      return FieldError(Reason::kInvalidField, path, "has no operation of a kind known here");
    }
    const auto& [field, fields] = choice->second;
    pb::Message& request = *reflection.MutableMessage(&operation, chosen);
    const std::string inner = absl::StrCat(path, ".", chosen->name(), ".");
    if (!Text(request, fields.request_id).empty()) {
      return FieldError(Reason::kInvalidField, inner + "request_id",
                        "belongs to the whole: set it in the TransactRequest");
    }
    if (IsSet(request, fields.validate_only)) {
      return FieldError(Reason::kInvalidField, inner + "validate_only",
                        "belongs to the whole: set it in the TransactRequest");
    }
    return TakeWriteOp(field.verb, *field.kind, fields, request, inner);
  }

  absl::StatusOr<MessagePtr> respond(const store::WriteResult& done,
                                     const std::vector<Outline>& outlines) const {
    MessagePtr response = host_.new_message(method_.response);
    for (size_t i = 0; i < outlines.size(); ++i) {
      pb::Message& result = *response->GetReflection()->AddMessage(response.get(), results_);
      const pb::Descriptor& type = *result.GetDescriptor();
      const pb::Reflection& reflection = *result.GetReflection();
      reflection.SetString(&result, type.FindFieldByName("label"), outlines[i].label);
      const store::SharedMessage& resource = done.resources.at(i);
      if (resource == nullptr) {
        reflection.MutableMessage(&result, type.FindFieldByName("deleted"));
        continue;
      }
      reflection.MutableMessage(&result, type.FindFieldByName(outlines[i].kind->singular))
          ->CopyFrom(*resource);
    }
    response->GetReflection()->SetString(response.get(), revision_,
                                         absl::StrCat(done.revision.value()));
    return response;
  }

  Host host_;
  const schema::Method& method_;
  RequestFields fields_;
  RequestFields operation_;
  std::map<const pb::FieldDescriptor*, Choice> choices_;  // only looked up, never iterated
  const pb::FieldDescriptor* results_ = nullptr;
  const pb::FieldDescriptor* revision_ = nullptr;
};

}  // namespace

std::unique_ptr<Handler> MakeTransactHandler(Host host, const schema::Method& method) {
  return std::make_unique<TransactHandler>(host, method);
}

}  // namespace holdfast::server
