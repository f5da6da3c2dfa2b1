// Runs the hooks of one change.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/store/hooks.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

class HookRunner final : public HookContext {
 public:
  using Hooks = std::vector<std::unique_ptr<Hook>>;

  // Both outlive the runner.
  HookRunner(WriteSet& set, Change& change) : set_(set), change_(change) {}

  Task<absl::Status> on_save(const Hooks& hooks);
  Task<absl::Status> before_commit(const Hooks& hooks);
  // What the hooks added, with labels.
  [[nodiscard]] std::vector<std::pair<std::string, WriteOp>> take_ops() { return std::move(ops_); }

  [[nodiscard]] Origin origin() const override;
  [[nodiscard]] Env& env() override { return set_.env(); }
  [[nodiscard]] const schema::Schema& schema() const override { return set_.plans().schema(); }
  [[nodiscard]] const google::protobuf::Message* before() const override;
  Task<absl::StatusOr<SharedMessage>> get(ResourceKey key) override;
  Task<absl::StatusOr<std::vector<SharedMessage>>> list(ListQuery query) override;
  void require_unchanged(const google::protobuf::Message& resource) override;
  void chose(std::string_view field) override { change_.chosen.emplace_back(field); }
  Task<absl::Status> serialize_on(std::string_view name) override;
  void add(std::string_view label, WriteOp op) override;

 private:
  WriteSet& set_;
  Change& change_;
  std::vector<std::pair<std::string, WriteOp>> ops_;
};

}  // namespace holdfast::store
