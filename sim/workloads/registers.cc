#include "sim/workloads/registers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"

namespace holdfast::sim {
namespace {

using Needs = RegisterOp::Needs;

constexpr uint64_t kRegisters = 3;

}  // namespace

// What was answered, as an operation on a register; what says nothing is left out.
void Registers::keep(const ResourceKey& key, RegisterOp op, const Answer& answer) {
  op.invoked = answer.invoked;
  op.returned = answer.returned;
  if (answer.outcome == Answer::Outcome::kUnknown) {
    if (!op.writes.has_value()) return;
    op.returned = kNever;
    op.may_be_void = true;
  } else if (!answer.done()) {
    const std::optional<Reason> reason = ReasonOf(answer.status);
    if (reason == Reason::kResourceExists && op.needs == Needs::kAbsent) {
      op.needs = Needs::kPresent;
    } else if (reason == Reason::kResourceNotFound && op.needs != Needs::kAbsent) {
      op.needs = Needs::kAbsent;
    } else {
      return;
    }
    op.writes.reset();
  }
  op.text = absl::StrCat(actor().client().name(), " ", op.text, ": ", TextOf(answer.status));
  actor().history().add(key, std::move(op));
}

// Now and then a write is for what was last seen only.
const ResourceFacts* Registers::expect_known(const ResourceKey& key, RegisterOp& op) {
  const auto known = known_.find(key);
  if (known == known_.end() || !world().chance(0.6)) return nullptr;
  op.needs = Needs::kExactly;
  op.value = actor().history().number_of(known->second.marker);
  absl::StrAppend(&op.text, " over ", known->second.marker);
  return &known->second;
}

Task<void> Registers::create(ResourceKey key) {
  Write write = actor().create("Organization", key.name.str());
  const std::string marker = actor().marker();
  Set(*write.resource, "display_name", marker);
  const Answer answer = co_await actor().write(write);
  keep(key,
       {.needs = Needs::kAbsent,
        .writes = actor().history().number_of(marker),
        .text = absl::StrCat("create ", marker)},
       answer);
}

Task<void> Registers::update(ResourceKey key) {
  Write write = actor().update("Organization", key.name.str());
  const std::string marker = actor().marker();
  Set(*write.resource, "display_name", marker);
  write.mask = {"display_name"};
  RegisterOp op{.needs = Needs::kPresent,
                .writes = actor().history().number_of(marker),
                .text = absl::StrCat("update to ", marker)};
  const ResourceFacts* known = expect_known(key, op);
  if (known != nullptr) Set(*write.resource, "metadata.etag", known->etag);
  const Answer answer = co_await actor().write(write);
  if (answer.done()) known_[key] = FactsOf(*answer.message);
  keep(key, std::move(op), answer);
}

Task<void> Registers::erase(ResourceKey key) {
  Write write = actor().erase("Organization", key.name.str());
  RegisterOp op{.needs = Needs::kPresent, .writes = 0, .text = "delete"};
  const ResourceFacts* known = expect_known(key, op);
  if (known != nullptr) write.etag = known->etag;
  const Answer answer = co_await actor().write(write);
  keep(key, std::move(op), answer);
}

Task<void> Registers::read(ResourceKey key) {
  const Answer answer = co_await actor().get(actor().kind("Organization"), key.name.str());
  RegisterOp op{.needs = Needs::kExactly, .writes = std::nullopt, .text = "read"};
  if (answer.done()) {
    known_[key] = FactsOf(*answer.message);
    op.value = actor().history().number_of(known_[key].marker);
    absl::StrAppend(&op.text, " ", known_[key].marker);
  }
  keep(key, std::move(op), answer);
}

Task<void> Registers::step() {
  const ResourceKey key{actor().kind("Organization").name,
                        ResourceName("organizations/" + actor().any("register", kRegisters))};
  const uint64_t choice = world().below(100);
  if (choice < 20) {
    co_await create(key);
  } else if (choice < 45) {
    co_await update(key);
  } else if (choice < 55) {
    co_await erase(key);
  } else {
    co_await read(key);
  }
}

}  // namespace holdfast::sim
