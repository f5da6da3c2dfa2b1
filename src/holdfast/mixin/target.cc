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
using storage::Noted;
using storage::PutClaim;
using storage::RequireNoClaims;
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
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(std::optional<Established> done, co_await try_to_establish(what));
    if (done.has_value()) co_return *std::move(done);
  }
  co_return LostTooOften(what.targets.front());
}

Task<absl::StatusOr<std::optional<Established>>> Target::try_to_establish(const Establish& what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys = what.targets;
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Row>> rows,
                         co_await snapshot->get(std::move(keys), storage::Fields::kShadow));
  Established answer;
  answer.refusal = RefusalOf(rows);
  if (answer.refusal.has_value()) co_return answer;
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
  if (batch.ops.empty()) co_return answer;
  HF_CO_ASSIGN_OR_RETURN(const bool held, co_await CommitGuarded(engine_, std::move(batch)));
  if (!held) co_return std::nullopt;
  co_return answer;
}

Task<absl::Status> Target::confirm(Confirm what) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await try_to_confirm(what));
    if (done) co_return absl::OkStatus();
  }
  co_return LostTooOften(what.target.key);
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
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> blockade,
                           co_await ReadClaim(*snapshot, BlockadeOn(what.target, what.token)));
    snapshot.reset();
    if (!blockade.has_value()) co_return absl::OkStatus();
    storage::Batch batch{.label = "mixin.release"};
    batch.add(DropClaim{.key = blockade->key, .expected = blockade->terms}, Handled());
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await CommitGuarded(engine_, std::move(batch)));
    if (done) co_return absl::OkStatus();
  }
  co_return LostTooOften(what.target);
}

Task<absl::Status> Target::drop(Drop what) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await try_to_drop(what));
    if (done) co_return absl::OkStatus();
  }
  co_return LostTooOften(what.target.key);
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

void Target::AddNobody(storage::Batch& batch, const ResourceKey& key, storage::Explain explain) {
  batch.add(RequireNoClaims{.type = ClaimType::kBlockade, .target = key}, Noted(explain));
  batch.add(RequireNoClaims{.type = ClaimType::kSource, .target = key}, Noted(std::move(explain)));
}

Task<absl::StatusOr<std::optional<Target::Round>>> Target::begin_round(Life target,
                                                                       std::string deletion) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
    storage::ClaimQuery blockades{.type = ClaimType::kBlockade, .target = target.key, .limit = 1};
    HF_CO_ASSIGN_OR_RETURN(const std::vector<Claim> held,
                           co_await snapshot->claims(std::move(blockades)));
    if (!held.empty()) co_return std::nullopt;
    HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> before,
                           co_await ReadClaim(*snapshot, RoundsOf(target.key)));
    Round round{.number = 1};
    HF_CO_ASSIGN_OR_RETURN(round.sources, co_await SourcesOf(*snapshot, target.key));
    snapshot.reset();
    if (before.has_value() && before->terms.uid == target.uid) {
      round.number = before->terms.number + 1;
    }
    Claim rounds{.key = RoundsOf(target.key),
                 .terms = {.uid = target.uid, .number = round.number},
                 .note = deletion};
    storage::Batch batch{.label = "mixin.begin_round"};
    batch.add(RequireRow{.key = target.key,
                         .states = Bit(RowState::kClosing),
                         .uid = target.uid,
                         .round = deletion},
              Handled());
    // Can't fail: the guard is about the deletion, and only who is at that begins its rounds.
    batch.add(before.has_value() ? Changed(*before, std::move(rounds))
                                 : PutClaim{.claim = std::move(rounds)},
              Handled());
    HF_CO_ASSIGN_OR_RETURN(const bool begun, co_await CommitGuarded(engine_, std::move(batch)));
    if (begun) co_return round;
  }
  co_return LostTooOften(target.key);
}

Task<absl::Status> Target::note_free(Life target, DeploymentId source, int64_t round) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await try_to_note(target, source, round));
    if (done) co_return absl::OkStatus();
  }
  co_return LostTooOften(target.key);
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

// Blockades first: one that turns into a source in between is seen as one of them.
void Target::AddDecision(storage::Batch& batch, const ResourceKey& key, int64_t round,
                         const storage::Explain& explain) {
  batch.add(RequireNoClaims{.type = ClaimType::kBlockade, .target = key}, Noted(explain));
  batch.add(RequireNoClaims{.type = ClaimType::kSource, .target = key, .before_round = round},
            Noted(explain));
}

Task<absl::Status> Target::AddEnd(Snapshot& snapshot, storage::Batch& batch, ResourceKey key,
                                  storage::Explain explain) {
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> rounds,
                         co_await ReadClaim(snapshot, RoundsOf(key)));
  if (rounds.has_value()) {
    // Can't fail: they are put only while the row is CLOSING.
    batch.add(DropClaim{.key = rounds->key, .expected = rounds->terms}, Noted(explain));
  }
  AddNobody(batch, key, std::move(explain));
  co_return absl::OkStatus();
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
