// What a store does with a kind, worked out once from the schema.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/schema/schema.h"
#include "holdfast/store/field_rules.h"

namespace holdfast {
class Meta;
}

namespace holdfast::store {

[[nodiscard]] constexpr uint32_t MaskOf(OnDelete behavior) {
  return 1u << static_cast<int>(behavior);
}
inline constexpr uint32_t kCascadeMask =
    MaskOf(OnDelete::kCascadeDelete) | MaskOf(OnDelete::kAsyncCascadeDelete);
inline constexpr uint32_t kUnsetMask = MaskOf(OnDelete::kUnset) | MaskOf(OnDelete::kAsyncUnset);
inline constexpr uint32_t kBlockMask = MaskOf(OnDelete::kBlock);
inline constexpr uint32_t kHoldingMask = kCascadeMask | kUnsetMask | kBlockMask;

// Immutable; thread-safe.
struct KindPlan {
  const schema::Kind* kind = nullptr;
  std::unique_ptr<FieldRules> rules;
  // All paths of all declared indexes, each once.
  std::vector<std::string> index_paths;

  // Beside kind->references: may they point at resources of this deployment (then they are
  // checked), and with which behaviours may anything of this deployment point at this kind.
  uint32_t incoming = 0;
  // Kinds of this deployment whose parent may be of this kind.
  std::vector<const KindPlan*> children;
  std::vector<KindName> child_kinds;
  // Kinds whose resources may stand below one of this kind, at any depth, children before their
  // parents.
  std::vector<const KindPlan*> below;
  // Must rows of this kind be closed before a large deletion is decided? If something could
  // block them or what goes with them, if what goes with them is found by references, or if they
  // could leave the deletion by changing a reference of theirs.
  bool must_close = false;

  [[nodiscard]] const KindName& name() const { return kind->name; }
  [[nodiscard]] bool is_checked() const { return !kind->unconstrained; }

  // Of messages of this kind. The Meta is of the generated class.
  [[nodiscard]] const Meta& meta(const google::protobuf::Message& resource) const;
  [[nodiscard]] Meta& mutable_meta(google::protobuf::Message& resource) const;
  [[nodiscard]] const std::string& name_of(const google::protobuf::Message& resource) const;
};

class Plans {
 public:
  Plans(const schema::Schema& schema, const schema::Service& service);

  [[nodiscard]] const schema::Schema& schema() const { return schema_; }
  [[nodiscard]] const schema::Service& service() const { return service_; }
  // nullptr if the deployment has no such kind.
  [[nodiscard]] const KindPlan* find(const KindName& kind) const;
  // Of a resource in the database.
  [[nodiscard]] const KindPlan& at(const KindName& kind) const;
  [[nodiscard]] const std::map<KindName, KindPlan>& all() const { return plans_; }
  // Does another deployment keep resources of this kind?
  [[nodiscard]] bool is_foreign(const schema::Kind& kind) const;

 private:
  const schema::Schema& schema_;
  const schema::Service& service_;
  std::map<KindName, KindPlan> plans_;
};

}  // namespace holdfast::store
