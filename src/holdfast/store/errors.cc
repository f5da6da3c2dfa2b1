#include "holdfast/store/errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"

namespace holdfast::store {
namespace {

absl::Status About(Reason reason, const ResourceKey& key, std::string_view message) {
  ErrorDetails details;
  details.resource = key;
  return MakeError(reason, message, std::move(details));
}

std::string Name(const ResourceKey& key) { return ForMessage(key.name.str()); }

absl::Status AboutTarget(std::string_view field, const ResourceKey& target,
                         std::string_view problem) {
  ErrorDetails details;
  details.resource = target;
  details.preconditions.push_back({.type = "REFERENCE_NOT_FOUND",
                                   .subject = target.name.str(),
                                   .description = std::string(field)});
  details.metadata["field"] = std::string(field);
  details.metadata["target"] = target.name.str();
  return MakeError(Reason::kReferenceNotFound,
                   absl::StrCat(ToAbsl(field), " refers to ", target.kind.str(), " ", Name(target),
                                ", ", ToAbsl(problem)),
                   std::move(details));
}

}  // namespace

absl::Status ResourceNotFound(const ResourceKey& key) {
  return About(Reason::kResourceNotFound, key,
               absl::StrCat(key.kind.str(), " ", Name(key), " doesn't exist"));
}

absl::Status ResourceExists(const ResourceKey& key) {
  return About(Reason::kResourceExists, key,
               absl::StrCat(key.kind.str(), " ", Name(key),
                            " exists already; choose another name, or update it"));
}

absl::Status NameBeingDeleted(const ResourceKey& key) {
  return About(Reason::kNameBeingDeleted, key,
               absl::StrCat("the earlier ", key.kind.str(), " ", Name(key),
                            " is still being deleted; try again when it is gone"));
}

absl::Status ParentNotFound(const ResourceKey& parent) {
  return About(Reason::kParentNotFound, parent,
               absl::StrCat("the parent, ", parent.kind.str(), " ", Name(parent),
                            ", doesn't exist; create it first"));
}

absl::Status ParentDeleting(const ResourceKey& parent) {
  return About(Reason::kParentDeleting, parent,
               absl::StrCat("the parent, ", parent.kind.str(), " ", Name(parent),
                            ", is being deleted: nothing can be created under it"));
}

absl::Status ParentNotServed(const ResourceKey& parent) {
  return About(Reason::kParentNotFound, parent,
               absl::StrCat("the parent, ", parent.kind.str(), " ", Name(parent),
                            ", is kept by another service: parents in other deployments aren't "
                            "served yet"));
}

absl::Status ReferenceNotFound(std::string_view field, const ResourceKey& target) {
  return AboutTarget(field, target, "which doesn't exist; create it first, or in the same batch");
}

absl::Status ReferenceDeleting(std::string_view field, const ResourceKey& target) {
  return AboutTarget(field, target, "which is being deleted; refer to another one");
}

absl::Status ReferenceNotServed(std::string_view field, const ResourceKey& target) {
  return AboutTarget(field, target,
                     "which another service keeps: references between deployments aren't served "
                     "yet");
}

absl::Status FieldValueTaken(const ResourceKey& key, const storage::UniqueValue& value) {
  ErrorDetails details;
  details.resource = key;
  details.metadata["field"] = value.field;
  return MakeError(
      Reason::kFieldValueTaken,
      absl::StrCat(value.field, " \"", ForMessage(value.value), "\" of ", key.kind.str(), " ",
                   Name(key), " is taken by another one",
                   value.scope.empty() ? "" : absl::StrCat(" in ", ForMessage(value.scope)),
                   "; choose another value"),
      std::move(details));
}

absl::Status LimitExceeded(const storage::LimitRow& limit) {
  ErrorDetails details;
  details.resource = limit.key.holder;
  const std::string description =
      absl::StrCat("at most ", limit.max, " ", limit.key.counted.str(), " in ",
                   Name(limit.key.holder), ", ", limit.used, " are there");
  details.quotas.push_back(
      {.type = "",
       .subject = absl::StrCat(limit.key.holder.name.str(), "#", limit.key.counted.str()),
       .description = description});
  details.metadata["limit"] = limit.key.counted.str();
  details.metadata["used"] = absl::StrCat(limit.used);
  details.metadata["max"] = absl::StrCat(limit.max);
  return MakeError(
      Reason::kLimitExceeded,
      absl::StrCat("limit exceeded: ", description, "; delete some, or have the limit raised"),
      std::move(details));
}

absl::Status EtagMismatch(const ResourceKey& key) {
  return About(Reason::kEtagMismatch, key,
               absl::StrCat(key.kind.str(), " ", Name(key),
                            " has changed since it was read; read it again"));
}

absl::Status DeletionProtected(const ResourceKey& root, const ResourceKey& key) {
  ErrorDetails details;
  details.resource = key;
  details.preconditions.push_back({.type = "BLOCK_DELETION",
                                   .subject = key.name.str(),
                                   .description = "metadata.lifecycle.block_deletion"});
  return MakeError(
      Reason::kDeletionProtected,
      absl::StrCat(root.kind.str(), " ", Name(root), " can't be deleted: ",
                   key == root ? std::string("it") : absl::StrCat(key.kind.str(), " ", Name(key)),
                   " is protected; clear metadata.lifecycle.block_deletion first"),
      std::move(details));
}

absl::Status PlanChanged(const ResourceKey& key) {
  return About(Reason::kPlanChanged, key,
               absl::StrCat("deleting ", key.kind.str(), " ", Name(key),
                            " isn't any more what was explained; explain it again"));
}

absl::Status Conflict(const ResourceKey& key) {
  return About(Reason::kConflict, key,
               absl::StrCat("lost against other writers of ", key.kind.str(), " ", Name(key),
                            " again and again; try again"));
}

absl::Status DeadlineExceeded(std::string_view label) {
  return MakeError(Reason::kDeadlineExceeded,
                   absl::StrCat(ToAbsl(label), " took longer than its deadline allows"));
}

absl::Status DeleteBlocked(const ResourceKey& root, const std::vector<Blocker>& first,
                           int64_t count) {
  ErrorDetails details;
  details.resource = root;
  details.metadata["blocker_count"] = absl::StrCat(count);
  std::string names;
  for (const Blocker& blocker : first) {
    details.preconditions.push_back(
        {.type = "BLOCKED_BY",
         .subject = blocker.key.name.str(),
         .description = blocker.field.empty() ? "child" : blocker.field});
    absl::StrAppend(&names, names.empty() ? "" : ", ", Name(blocker.key));
  }
  const size_t left_out = static_cast<size_t>(count) - first.size();
  return MakeError(
      Reason::kDeleteBlocked,
      absl::StrCat(root.kind.str(), " ", Name(root), " can't be deleted: ", count,
                   count == 1 ? " reference or child stands" : " references or children stand",
                   " against it: ", names,
                   left_out > 0 ? absl::StrCat(" and ", left_out, " more") : ""),
      std::move(details));
}

}  // namespace holdfast::store
