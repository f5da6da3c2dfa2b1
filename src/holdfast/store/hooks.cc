#include "holdfast/store/hooks.h"

#include <utility>

namespace holdfast::store {

Task<absl::Status> Hook::on_save(HookContext& /*context*/,
                                 google::protobuf::Message& /*resource*/) {
  co_return absl::OkStatus();
}

Task<absl::Status> Hook::before_commit(HookContext& /*context*/, WriteOp::Type /*type*/,
                                       const google::protobuf::Message* /*resource*/) {
  co_return absl::OkStatus();
}

void HookRegistry::add(KindName kind, std::unique_ptr<Hook> hook) {
  hooks_[std::move(kind)].push_back(std::move(hook));
}

const std::vector<std::unique_ptr<Hook>>& HookRegistry::find(const KindName& kind) const {
  static const std::vector<std::unique_ptr<Hook>> kNone;
  const auto found = hooks_.find(kind);
  return found == hooks_.end() ? kNone : found->second;
}

}  // namespace holdfast::store
