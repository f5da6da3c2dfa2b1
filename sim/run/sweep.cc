#include "sim/run/sweep.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"

namespace holdfast::sim {
namespace {

constexpr int kDeletions = 8;
constexpr int kMostWaits = 60;  // a second each

// Deletions of all that can be read now.
std::vector<Write> AllDeletions(Stage& stage) {
  std::vector<Write> all;
  const Oracle& oracle = stage.cluster.oracle();
  for (const schema::Kind* kind : stage.cluster.service().service->kinds) {
    for (const auto& [key, seen] : oracle.view(kind->name, "", oracle.last())) {
      Write write;
      write.verb = schema::Verb::kDelete;
      write.kind = kind;
      write.name = key.name.str();
      all.push_back(std::move(write));
    }
  }
  return all;
}

bool IsGone(const Stage& stage, const Write& write) {
  const Oracle& oracle = stage.cluster.oracle();
  return oracle.at({write.kind->name, ResourceName(write.name)}, oracle.last()) == nullptr;
}

}  // namespace

Task<void> Sweep(Actor& actor) {
  for (int i = 0; i < kDeletions; ++i) {
    std::vector<Write> all = AllDeletions(actor.stage());
    if (all.empty()) co_return;
    Write write = std::move(all[actor.world().below(all.size())]);
    write.force = actor.world().chance(0.5);
    Answer answer = co_await actor.write(write);
    // A node, or the database, may be on its way up still.
    for (int wait = 0; wait < kMostWaits && IsWorthRepeating(answer.status); ++wait) {
      co_await actor.world().env().sleep(Seconds(1));
      answer = co_await actor.write(write);
    }
    const std::optional<Reason> reason = ReasonOf(answer.status);
    const bool refused = reason == Reason::kDeleteBlocked || reason == Reason::kDeletionProtected;
    // The one before is finished in the background, and has taken this along by now.
    const bool gone = reason == Reason::kResourceNotFound && IsGone(actor.stage(), write);
    actor.world().hit(answer.done() ? "sweep: done" : "sweep: not done");
    if (answer.done() || refused || gone) continue;
    actor.world().violated(
        "ends", absl::StrCat(write.name,
                             " can't be deleted, though nobody is at it: ", TextOf(answer.status)));
    co_return;
  }
}

}  // namespace holdfast::sim
