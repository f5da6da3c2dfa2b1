#include "holdfast/mixin/target.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/guarded.h"

namespace holdfast::mixin {
namespace {

using storage::Claim;
using storage::ClaimType;
using storage::CommitGuarded;
using storage::DropClaim;
using storage::Handled;
using storage::PutClaim;
using storage::RequireRow;
using storage::Row;
using storage::RowState;
using storage::Snapshot;

constexpr uint32_t Bit(RowState state) { return 1u << static_cast<int>(state); }

bool IsThere(const std::optional<Row>& row, const Uid& uid) {
  return row.has_value() && row->uid == uid && row->state != RowState::kGone;
}

// One for each deployment that refers to it.
Task<absl::StatusOr<std::vector<DeploymentId>>> SourcesOf(Snapshot& snapshot, ResourceKey target) {
  std::vector<DeploymentId> sources;
  storage::ClaimQuery query{.type = ClaimType::kSource, .target = std::move(target)};
  for (bool more = true; more;) {
    storage::ClaimQuery next = query;
    HF_CO_ASSIGN_OR_RETURN(const std::vector<Claim> page,
                           co_await snapshot.claims(std::move(next)));
    for (const Claim& source : page) sources.emplace_back(source.key.holder);
    if (!page.empty()) query.after = page.back().key;
    more = page.size() == query.limit;
  }
  co_return sources;
}

std::optional<Refusal> RefusalOf(const std::vector<std::optional<Row>>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].has_value() || rows[i]->state == RowState::kGone) {
      return Refusal{.target = i, .why = Refusal::Why::kNotFound};
    }
    if (rows[i]->state == RowState::kActive) continue;
    const bool closing = rows[i]->state == RowState::kClosing;
    return Refusal{.target = i, .why = closing ? Refusal::Why::kClosing : Refusal::Why::kDeleting};
  }
  return std::nullopt;
}

}  // namespace

Task<absl::StatusOr<Established>> Target::establish(Establish what) {
  Established answer;
  if (what.targets.empty()) co_return answer;
  const Attempt attempt = [&] { return try_to_establish(what, answer); };
  HF_CO_RETURN_IF_ERROR(co_await UntilDone(what.targets.front(), attempt));
  co_return answer;
}

Task<absl::StatusOr<bool>> Target::try_to_establish(const Establish& what, Established& answer) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys = what.targets;
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kShadow));
  answer = {.uids = {}, .refusal = RefusalOf(rows)};
  if (answer.refusal.has_value()) co_return true;
  const Timestamp due = env_.clock().now() + kPatience;
  storage::Batch batch{.label = "mixin.establish"};
  for (const std::optional<Row>& row : rows) {
    answer.uids.push_back(row->uid);
    const storage::ClaimKey key = BlockadeOn(row->key, what.token);
    HF_CO_ASSIGN_OR_RETURN(std::optional<Claim> there, co_await ReadClaim(*snapshot, key));
    // A repetition. No target goes while it has a blockade: it is of this life.
    if (there.has_value()) continue;
    batch.add(RequireRow{.key = row->key, .uid = row->uid}, Handled());
    Claim blockade{.key = key, .terms = {.uid = row->uid}, .due = due, .note = what.source.str()};
    batch.add(PutClaim{.claim = std::move(blockade)}, Handled());
  }
  snapshot.reset();
  if (batch.ops.empty()) co_return true;
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::Status> Target::confirm(Confirm what) {
  const ResourceKey about = what.target.key;
  return UntilDone(about, [this, what = std::move(what)] { return try_to_confirm(what); });
}

// No blockade: it has been confirmed before. One goes otherwise only if its write can never commit.
Task<absl::StatusOr<bool>> Target::try_to_confirm(const Confirm& what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> blockade,
                         co_await ReadClaim(*snapshot, BlockadeOn(what.target.key, what.token)));
  if (!blockade.has_value()) co_return true;
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> source,
                         co_await ReadClaim(*snapshot, SourceOn(what.target.key, what.source)));
  snapshot.reset();
  storage::Batch batch{.label = "mixin.confirm"};
  batch.add(DropClaim{.key = blockade->key, .expected = blockade->terms}, Handled());
  // A late repetition of establish() may have held the name's next life.
  const bool same_life = blockade->terms.uid == what.target.uid;
  if (same_life) {
    Claim confirmed{.key = SourceOn(what.target.key, what.source),
                    .terms = {.uid = what.target.uid, .number = what.incarnation}};
    PutClaim put{.claim = confirmed};
    if (source.has_value()) {
      put = Changed(*source, *source);
      put.claim.terms.number = std::max(source->terms.number, what.incarnation);
    }
    put.claim.due = env_.clock().now() + kPatience;
    batch.add(std::move(put), Handled());
  }
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::Status> Target::release(Release what) {
  const ResourceKey about = what.target;
  return UntilDone(about, [this, what = std::move(what)] { return try_to_release(what); });
}

Task<absl::StatusOr<bool>> Target::try_to_release(const Release& what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> blockade,
                         co_await ReadClaim(*snapshot, BlockadeOn(what.target, what.token)));
  snapshot.reset();
  if (!blockade.has_value()) co_return true;
  storage::Batch batch{.label = "mixin.release"};
  batch.add(DropClaim{.key = blockade->key, .expected = blockade->terms}, Handled());
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::Status> Target::drop(Drop what) {
  const ResourceKey about = what.target.key;
  return UntilDone(about, [this, what = std::move(what)] { return try_to_drop(what); });
}

Task<absl::StatusOr<bool>> Target::try_to_drop(const Drop& what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> source,
                         co_await ReadClaim(*snapshot, SourceOn(what.target.key, what.source)));
  snapshot.reset();
  const bool applies = source.has_value() && source->terms.uid == what.target.uid &&
                       source->terms.number <= what.incarnation;
  if (!applies) co_return true;
  storage::Batch batch{.label = "mixin.drop"};
  batch.add(DropClaim{.key = source->key, .expected = source->terms}, Handled());
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::StatusOr<RoundState>> Target::round_state(Question what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Row> row,
                         co_await ReadRow(*snapshot, what.target.key));
  if (!IsThere(row, what.target.uid) || row->state == RowState::kDeleting) {
    co_return RoundState::kDecided;
  }
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> rounds,
                         co_await ReadClaim(*snapshot, RoundsOf(what.target.key)));
  const bool on = row->state == RowState::kClosing && rounds.has_value() &&
                  rounds->terms.uid == row->uid && rounds->terms.number == what.round &&
                  rounds->note == row->round;
  co_return on ? RoundState::kOn : RoundState::kOver;
}

Task<absl::StatusOr<std::optional<Target::Round>>> Target::begin_round(Life target,
                                                                       std::string deletion) {
  std::optional<Round> begun;
  const Attempt attempt = [&] { return try_to_begin_round(target, deletion, begun); };
  HF_CO_RETURN_IF_ERROR(co_await UntilDone(target.key, attempt));
  co_return begun;
}

Task<absl::StatusOr<bool>> Target::try_to_begin_round(const Life& target,
                                                      const std::string& deletion,
                                                      std::optional<Round>& begun) {
  begun.reset();
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  storage::ClaimQuery blockades{.type = ClaimType::kBlockade, .target = target.key, .limit = 1};
  HF_CO_ASSIGN_OR_RETURN(const std::vector<Claim> held,
                         co_await snapshot->claims(std::move(blockades)));
  if (!held.empty()) co_return true;
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> before,
                         co_await ReadClaim(*snapshot, RoundsOf(target.key)));
  Round round{.number = 1};
  HF_CO_ASSIGN_OR_RETURN(round.sources, co_await SourcesOf(*snapshot, target.key));
  snapshot.reset();
  if (before.has_value() && before->terms.uid == target.uid) {
    round.number = before->terms.number + 1;
  }
  PutClaim put{.claim = {.key = RoundsOf(target.key),
                         .terms = {.uid = target.uid, .number = round.number},
                         .note = deletion}};
  if (before.has_value()) put.expected = before->terms;
  storage::Batch batch{.label = "mixin.begin_round"};
  batch.add(RequireRow{.key = target.key,
                       .states = Bit(RowState::kClosing),
                       .uid = target.uid,
                       .round = deletion},
            Handled());
  // Can't fail: the guard is about the deletion, and only who is at that begins its rounds.
  batch.add(std::move(put));
  begun = std::move(round);
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::Status> Target::note_free(Life target, DeploymentId source, int64_t round) {
  const ResourceKey about = target.key;
  return UntilDone(about, [this, target = std::move(target), source = std::move(source), round] {
    return try_to_note(target, source, round);
  });
}

Task<absl::StatusOr<bool>> Target::try_to_note(const Life& target, const DeploymentId& source,
                                               int64_t round) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> claim,
                         co_await ReadClaim(*snapshot, SourceOn(target.key, source)));
  snapshot.reset();
  const bool applies =
      claim.has_value() && claim->terms.uid == target.uid && claim->terms.round < round;
  if (!applies) co_return true;
  PutClaim put = Changed(*claim, *claim);
  put.claim.terms.round = round;
  storage::Batch batch{.label = "mixin.note_free"};
  batch.add(std::move(put), Handled());
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

Task<absl::StatusOr<std::optional<storage::Op>>> Target::forget_rounds(Snapshot& snapshot,
                                                                       ResourceKey key) {
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> rounds,
                         co_await ReadClaim(snapshot, RoundsOf(key)));
  if (!rounds.has_value()) co_return std::nullopt;
  co_return storage::Op(DropClaim{.key = rounds->key, .expected = rounds->terms});
}

Task<absl::StatusOr<size_t>> Target::run_duties() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(
      std::vector<Claim> blockades,
      co_await snapshot->due_claims(ClaimType::kBlockade, env_.clock().now(), kDutyPage));
  HF_CO_ASSIGN_OR_RETURN(
      std::vector<Claim> sources,
      co_await snapshot->due_claims(ClaimType::kSource, env_.clock().now(), kDutyPage));
  snapshot.reset();
  size_t settled = 0;
  for (Claim& blockade : blockades) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await settle_blockade(std::move(blockade)));
    settled += done ? 1 : 0;
  }
  for (Claim& source : sources) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await settle_source(std::move(source)));
    settled += done ? 1 : 0;
  }
  co_return settled;
}

Task<absl::Status> Target::look_at(Claim claim, Timestamp due) {
  PutClaim put = Changed(claim, claim);
  put.claim.due = due;
  storage::Batch batch{.label = "mixin.look_later"};
  batch.add(std::move(put), Handled());
  co_return (co_await CommitGuarded(engine_, std::move(batch))).status();
}

Task<absl::StatusOr<bool>> Target::settle_source(Claim source) {
  const DeploymentId id(source.key.holder);
  const Life life{.key = source.key.target, .uid = source.terms.uid};
  const absl::StatusOr<Standing> standing = co_await peers_.standing(id, life);
  if (standing.ok() && !standing->has_right) {
    Drop none{.source = id, .target = life, .incarnation = standing->incarnation};
    HF_CO_RETURN_IF_ERROR(co_await drop(std::move(none)));
    co_return true;
  }
  const Timestamp later = env_.clock().now() + kPatience;
  HF_CO_RETURN_IF_ERROR(
      co_await look_at(std::move(source), standing.ok() ? storage::kNeverDue : later));
  co_return standing.ok();
}

Task<absl::StatusOr<bool>> Target::settle_blockade(Claim blockade) {
  const DeploymentId source(blockade.note);
  const std::string token = blockade.key.holder;
  const ResourceKey key = blockade.key.target;
  Resolve question{.token = token, .target = key};
  const absl::StatusOr<Resolved> resolved = co_await peers_.resolve(source, std::move(question));
  absl::Status status;
  if (!resolved.ok()) {
    // Nobody waits for it meanwhile but a deletion of the target.
    status = co_await look_at(std::move(blockade), env_.clock().now() + kPatience);
  } else if (resolved->fate == Resolved::Fate::kCommitted) {
    Confirm confirmation{.source = source,
                         .token = token,
                         .target = {.key = key, .uid = resolved->uid},
                         .incarnation = resolved->incarnation};
    status = co_await confirm(std::move(confirmation));
  } else {
    Release never{.token = token, .target = key};
    status = co_await release(std::move(never));
  }
  if (!status.ok()) co_return status;
  co_return resolved.ok();
}

}  // namespace holdfast::mixin
