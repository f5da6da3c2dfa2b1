#include "holdfast/store/core/codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/meta.pb.h"
#include "holdfast/store/core/metadata.h"

namespace holdfast::store {
namespace {

using google::protobuf::Message;
using storage::Row;
using storage::RowState;

void ShowState(const KindPlan& plan, const Row& row, Message& resource) {
  Meta& meta = plan.mutable_meta(resource);
  Meta::Lifecycle& lifecycle = *meta.mutable_lifecycle();
  lifecycle.set_state(row.state == RowState::kClosing    ? Meta::CLOSING
                      : row.state == RowState::kDeleting ? Meta::DELETING
                                                         : Meta::ACTIVE);
  for (const std::string& name : PendingNames(row.pending)) lifecycle.add_pending(name);
  if (row.state == RowState::kDeleting) SetTime(row.delete_time, *meta.mutable_delete_time());
}

}  // namespace

bool IsReadable(const KindPlan& plan, const Row& row) {
  switch (row.state) {
    case RowState::kActive:
    case RowState::kClosing:
      return true;
    case RowState::kDeleting:
      return plan.kind->async_deletion && row.body.has_value();
    case RowState::kGone:
      return false;
  }
  return false;
}

bool IsShownAsStored(const Row& row) {
  return row.state == RowState::kActive && row.pending == 0 && row.body.has_value();
}

absl::StatusOr<MessagePtr> ParseBody(const Plans& plans, const KindPlan& plan, const Row& row) {
  MessagePtr resource = plans.schema().new_message(plan.kind->message);
  if (!row.body.has_value() || !resource->ParseFromString(*row.body)) {
    return MakeError(Reason::kInternal, absl::StrCat("the stored ", row.key.kind.str(), " ",
                                                     row.key.name.str(), " can't be read"));
  }
  return resource;
}

absl::StatusOr<MessagePtr> Decode(const Plans& plans, const KindPlan& plan, const Row& row) {
  HF_ASSIGN_OR_RETURN(MessagePtr resource, ParseBody(plans, plan, row));
  if (!IsShownAsStored(row)) ShowState(plan, row, *resource);
  return resource;
}

std::string Serialize(const Message& resource) {
  std::string bytes;
  bytes.reserve(resource.ByteSizeLong());
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.SetSerializationDeterministic(true);
    resource.SerializeWithCachedSizes(&output);
  }
  return bytes;
}

std::vector<std::string> PendingNames(uint32_t pending) {
  std::vector<std::string> names;
  const auto add = [&](uint32_t bit, const char* name) {
    if ((pending & bit) != 0) names.emplace_back(name);
  };
  add(storage::kPendingExpand, "EXPAND");
  add(storage::kPendingUnset, "UNSET");
  add(storage::kPendingRemove, "REMOVE");
  add(storage::kPendingConfirm, "CONFIRM");
  add(storage::kPendingOwners, "OWNERS");
  return names;
}

}  // namespace holdfast::store
