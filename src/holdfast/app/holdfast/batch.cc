// apply, transact: several resources at once.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/manifest.h"
#include "holdfast/app/holdfast/progress.h"
#include "holdfast/base/macros.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// The server's default; more goes in several requests (apply) or is refused by it (transact).
constexpr size_t kBatchSize = 500;

const char* Prefix(Operation::Type type) {
  switch (type) {
    case Operation::Type::kCreate:
      return "create_";
    case Operation::Type::kUpdate:
    case Operation::Type::kApply:
      return "update_";
    case Operation::Type::kDelete:
      return "delete_";
  }
  return "";
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
  const size_t id = target.name.rfind('/');
  const size_t collection = target.name.rfind('/', id - 1);
  if (collection != std::string::npos) {
    SetText(request, "parent", target.name.substr(0, collection));
  }
  SetText(request, absl::StrCat(target.kind->singular, "_id"), target.name.substr(id + 1));
}

absl::Status AddOperation(Message& transact, const Operation& operation) {
  const auto* operations = transact.GetDescriptor()->FindFieldByName("operations");
  Message* added = transact.GetReflection()->AddMessage(&transact, operations);
  SetText(*added, "label", operation.target.name);
  const std::string name = absl::StrCat(Prefix(operation.type), operation.target.kind->singular);
  const FieldDescriptor* field = added->GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(operation.target.name, " is of another service; one batch is of one service"));
  }
  FillOperation(*added->GetReflection()->MutableMessage(added, field), operation);
  return absl::OkStatus();
}

// Sends operations [begin, end), all of one package, as one batch.
absl::Status Send(Context& context, const std::vector<Operation>& operations, size_t begin,
                  size_t end, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(
      const MethodDescriptor* method,
      context.package_method(*operations[begin].target.kind, "Transactions.Transact"));
  const real::MessagePtr request = context.client().new_request(method);
  for (size_t i = begin; i < end; ++i) {
    HF_RETURN_IF_ERROR(AddOperation(*request, operations[i]));
  }
  SetText(*request, "request_id", flags.request_id);
  if (flags.dry_run) SetFlag(*request, "validate_only");
  return context.client().call(method, *request, context.call_options()).status();
}

const char* Done(Operation::Type type) {
  switch (type) {
    case Operation::Type::kCreate:
      return "created ";
    case Operation::Type::kUpdate:
      return "updated ";
    case Operation::Type::kApply:
      return "applied ";
    case Operation::Type::kDelete:
      return "deleted ";
  }
  return "";
}

void PrintDone(const std::vector<Operation>& operations, const WriteFlags& flags) {
  for (const Operation& operation : operations) {
    std::cout << (flags.dry_run ? "would have " : "") << Done(operation.type)
              << operation.target.name << "\n";
  }
}

}  // namespace

absl::Status Apply(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  HF_ASSIGN_OR_RETURN(std::vector<Manifest> manifests,
                      ParseManifests(text, flags.file, context.catalog(), context.client()));
  std::map<std::string, std::vector<Manifest>> by_package;
  for (Manifest& manifest : manifests) {
    by_package[manifest.kind->package].push_back(std::move(manifest));
  }
  Progress progress("applying", manifests.size());
  for (auto& [package, group] : by_package) {
    // What fits into one batch may be in any order there. More isn't atomic, but in order.
    if (group.size() > kBatchSize) SortForCreation(group);
    std::vector<Operation> operations;
    for (Manifest& manifest : group) {
      operations.push_back({Operation::Type::kApply, std::move(manifest)});
    }
    for (size_t begin = 0; begin < operations.size(); begin += kBatchSize) {
      const size_t end = std::min(begin + kBatchSize, operations.size());
      HF_RETURN_IF_ERROR(Send(context, operations, begin, end, flags));
      progress.add(end - begin);
    }
    PrintDone(operations, flags);
  }
  return absl::OkStatus();
}

absl::Status Transact(Context& context, const WriteFlags& flags) {
  HF_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  HF_ASSIGN_OR_RETURN(const std::vector<Operation> operations,
                      ParseOperations(text, flags.file, context.catalog(), context.client()));
  HF_RETURN_IF_ERROR(Send(context, operations, 0, operations.size(), flags));
  PrintDone(operations, flags);
  return absl::OkStatus();
}

}  // namespace holdfast::cli
