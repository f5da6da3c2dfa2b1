// What the store keeps in a resource's `metadata`: output-only to clients.
#pragma once

#include <string>

#include "google/protobuf/timestamp.pb.h"
#include "holdfast/base/types.h"
#include "holdfast/meta.pb.h"

namespace holdfast::store {

void SetTime(Timestamp time, google::protobuf::Timestamp& out);

// Names one state of one life of a resource (AIP-154).
[[nodiscard]] std::string EtagOf(const Uid& uid, Version version);

// A new resource's metadata: what the client may choose stays, the rest is ours.
void StartMeta(const Uid& uid, Timestamp now, Meta& meta);
// What is ours becomes as it was before; what the client may choose stays.
void KeepOwnMeta(const Meta& before, Meta& meta);
enum class Spec { kSame, kChanged };
// The next version. The generation only if something outside of metadata changed.
void AdvanceMeta(const Uid& uid, Version version, Spec spec, Timestamp now, Meta& meta);

}  // namespace holdfast::store
