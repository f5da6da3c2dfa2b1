#include "sim/workloads/repeats.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"

namespace holdfast::sim {
namespace {

constexpr const char* kOrganization = "organizations/repeats";
constexpr uint64_t kProjects = 6;

}  // namespace

Task<void> Repeats::setup() {
  const Write write = actor().create("Organization", kOrganization);
  co_await actor().must(write);
}

// A write with an id of its own; then the same again, though the answer is known; then, under the
// same id, something else.
Task<void> Repeats::step() {
  const std::string name =
      absl::StrCat(kOrganization, "/projects/", actor().any("twice", kProjects));
  Write write = actor().create("Project", name);
  Set(*write.resource, "display_name", actor().marker());
  if (world().chance(0.4)) {
    write = actor().erase("Project", name);
    write.force = true;
  }
  const std::string id = absl::StrCat("id-", actor().marker());
  const Answer first = co_await actor().insist(write, id);
  if (!first.done()) co_return;
  const Answer second = co_await actor().insist(write, id);
  const ResourceKey key{write.kind->name, ResourceName(name)};
  if (second.outcome == Answer::Outcome::kRefused &&
      ReasonOf(second.status) != Reason::kDatabaseUnavailable &&
      !IsRetryable(*ReasonOf(second.status))) {
    world().violated("repeat",
                     absl::StrCat("refused, though it was done: ", id, ": ", TextOf(second.status)),
                     {key});
  }
  const bool created = write.verb == schema::Verb::kCreate;
  if (created && second.done()) {
    const ResourceFacts before = FactsOf(*first.message);
    const ResourceFacts after = FactsOf(*second.message);
    if (before.uid != after.uid) {
      world().violated("repeat", absl::StrCat("done twice: ", id), {key});
    }
  }
  if (!world().chance(0.3)) co_return;
  Write other = actor().create("Project", absl::StrCat(kOrganization, "/projects/other"));
  Set(*other.resource, "display_name", actor().marker());
  const Answer third = co_await actor().insist(other, id);
  if (third.done()) world().violated("repeat", absl::StrCat("another request under ", id), {key});
}

}  // namespace holdfast::sim
