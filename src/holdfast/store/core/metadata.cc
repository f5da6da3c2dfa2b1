#include "holdfast/store/core/metadata.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/hash.h"

namespace holdfast::store {

void SetTime(Timestamp time, google::protobuf::Timestamp& out) {
  constexpr int64_t kMicros = 1'000'000;
  out.set_seconds(time.value() / kMicros);
  out.set_nanos(static_cast<int32_t>(time.value() % kMicros) * 1000);
}

std::string EtagOf(const Uid& uid, Version version) {
  const uint64_t hash = Fnv1a64(absl::StrCat(uid.str(), ":", version.value()));
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

void StartMeta(const Uid& uid, Timestamp now, Meta& meta) {
  SetTime(now, *meta.mutable_create_time());
  SetTime(now, *meta.mutable_update_time());
  meta.clear_delete_time();
  meta.set_uid(uid.str());
  meta.set_generation(1);
  meta.set_resource_version("1");
  meta.set_etag(EtagOf(uid, Version(1)));
  meta.clear_syncing();
  meta.mutable_lifecycle()->set_state(Meta::ACTIVE);
  meta.mutable_lifecycle()->clear_pending();
  if (meta.has_services()) meta.mutable_services()->clear_owning_service();
}

void KeepOwnMeta(const Meta& before, Meta& meta) {
  *meta.mutable_create_time() = before.create_time();
  *meta.mutable_update_time() = before.update_time();
  meta.clear_delete_time();
  meta.set_uid(before.uid());
  meta.set_generation(before.generation());
  meta.set_resource_version(before.resource_version());
  meta.set_etag(before.etag());
  if (before.has_syncing()) {
    *meta.mutable_syncing() = before.syncing();
  } else {
    meta.clear_syncing();
  }
  meta.mutable_lifecycle()->set_state(before.lifecycle().state());
  *meta.mutable_lifecycle()->mutable_pending() = before.lifecycle().pending();
  // An empty message and none mean the same: the one that was there stays.
  if (before.has_services()) {
    meta.mutable_services()->set_owning_service(before.services().owning_service());
  } else if (meta.has_services()) {
    meta.mutable_services()->clear_owning_service();
    if (meta.services().allowed_services().empty()) meta.clear_services();
  }
}

void AdvanceMeta(const Uid& uid, Version version, Spec spec, Timestamp now, Meta& meta) {
  SetTime(now, *meta.mutable_update_time());
  if (spec == Spec::kChanged) meta.set_generation(meta.generation() + 1);
  meta.set_resource_version(absl::StrCat(version.value()));
  meta.set_etag(EtagOf(uid, version));
}

}  // namespace holdfast::store
