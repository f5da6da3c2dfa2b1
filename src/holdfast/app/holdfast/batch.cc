// apply, transact: several resources at once.
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/creation_order.h"
#include "holdfast/app/holdfast/fields.h"
#include "holdfast/app/holdfast/manifest.h"
#include "holdfast/app/holdfast/progress.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using Operations = std::vector<Operation>;

// The server's default; more goes in several requests (apply) or is refused by it (transact).
constexpr size_t kBatchSize = 500;

// What a type of operation is called in requests and to people.
struct Words {
  const char* field;
  const char* done;
};

Words WordsOf(Operation::Type type) {
  switch (type) {
    case Operation::Type::kCreate:
      return {"create_", "created"};
    case Operation::Type::kUpdate:
      return {"update_", "updated"};
    case Operation::Type::kApply:
      return {"update_", "applied"};
    case Operation::Type::kDelete:
      return {"delete_", "deleted"};
  }
  return {"", ""};
}

void FillOperation(Message& request, const Operation& operation) {
  const Manifest& target = operation.target;
  if (operation.type == Operation::Type::kDelete) {
    SetText(request, "name", target.name);
    return;
  }
  Mutable(request, target.kind->singular)->CopyFrom(*target.resource);
  if (operation.type == Operation::Type::kApply) SetFlag(request, "allow_missing");
  if (operation.type != Operation::Type::kCreate) return;
  const NameParts parts = SplitName(target.name);
  SetText(request, "parent", parts.parent);
  SetText(request, absl::StrCat(target.kind->singular, "_id"), parts.id);
}

absl::Status AddOperation(Message& transact, const std::string& package,
                          const Operation& operation) {
  const auto* operations = transact.GetDescriptor()->FindFieldByName("operations");
  Message* added = transact.GetReflection()->AddMessage(&transact, operations);
  SetText(*added, "label", operation.target.name);
  const std::string name =
      absl::StrCat(WordsOf(operation.type).field, operation.target.kind->singular);
  const FieldDescriptor* field = added->GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || operation.target.kind->package != package) {
    return absl::InvalidArgumentError(
        absl::StrCat(operation.target.name,
                     " is of another service than the operations before "
                     "it; one batch is of one service"));
  }
  FillOperation(*added->GetReflection()->MutableMessage(added, field), operation);
  return absl::OkStatus();
}

// Sends operations of one package as one batch, and says what was done.
absl::Status Send(Context& context, const Operations& operations, const std::string& request_id,
                  const WriteFlags& flags) {
  const ServedKind& first = *operations.front().target.kind;
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method,
                      context.package_method(first, "Transactions.Transact"));
  const real::MessagePtr request = context.client().new_request(method);
  for (const Operation& operation : operations) {
    HF_RETURN_IF_ERROR(AddOperation(*request, first.package, operation));
  }
  SetText(*request, "request_id", request_id);
  if (flags.dry_run) SetFlag(*request, "validate_only");
  HF_ASSIGN_OR_RETURN(const real::MessagePtr answer, context.call(method, *request));
  if (context.format() == Format::kJson || context.format() == Format::kYaml) {
    Printer(std::cout, context.format()).add(*answer);
    return absl::OkStatus();
  }
  for (const Operation& operation : operations) {
    std::cout << (flags.dry_run ? "would have " : "") << WordsOf(operation.type).done << " "
              << operation.target.name << "\n";
  }
  return absl::OkStatus();
}

// In the order in which they are sent. What fits into one batch of its service is one.
std::vector<Operations> PlanApply(std::vector<Manifest> manifests) {
  std::map<std::string, std::vector<Manifest>> by_package;
  for (Manifest& manifest : manifests) {
    by_package[manifest.kind->package].push_back(std::move(manifest));
  }
  std::vector<Operations> batches;
  for (auto& [package, group] : by_package) {
    for (std::vector<Manifest>& batch : BatchesForCreation(std::move(group), kBatchSize)) {
      batches.emplace_back();
      for (Manifest& manifest : batch) {
        batches.back().push_back({Operation::Type::kApply, std::move(manifest)});
      }
    }
  }
  return batches;
}

}  // namespace

absl::Status Apply(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  HF_ASSIGN_OR_RETURN(std::vector<Manifest> manifests,
                      ParseManifests(text, flags.file, context.catalog(), context.client()));
  Progress progress("applying", manifests.size());
  const std::vector<Operations> batches = PlanApply(std::move(manifests));
  if (flags.dry_run && batches.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(flags.file, " takes ", batches.size(),
                     " batches; a dry run can't try the second without having done the first"));
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    // Each batch is a request of its own.
    const bool numbered = !flags.request_id.empty() && batches.size() > 1;
    const std::string id = numbered ? absl::StrCat(flags.request_id, "-", i) : flags.request_id;
    HF_RETURN_IF_ERROR(Send(context, batches[i], id, flags));
    progress.add(batches[i].size());
  }
  return absl::OkStatus();
}

absl::Status Transact(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  HF_ASSIGN_OR_RETURN(const Operations operations,
                      ParseOperations(text, flags.file, context.catalog(), context.client()));
  return Send(context, operations, flags.request_id, flags);
}

}  // namespace holdfast::cli
