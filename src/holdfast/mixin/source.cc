#include "holdfast/mixin/source.h"

#include <map>
#include <utility>

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
using storage::RequireClaim;
using storage::RequireNoInbound;
using storage::Snapshot;

constexpr uint32_t Bit(OnDelete behavior) { return 1u << static_cast<int>(behavior); }
// References for which a right must be there.
constexpr uint32_t kHolding = ~Bit(OnDelete::kAllowDangling);
// Those that stand against a deletion. What would go along isn't closed from here yet, so it
// stands.
constexpr uint32_t kStanding =
    Bit(OnDelete::kBlock) | Bit(OnDelete::kCascadeDelete) | Bit(OnDelete::kAsyncCascadeDelete);

Life LifeOf(const Claim& right) { return {.key = right.key.target, .uid = right.terms.uid}; }

// The right on a target that has been granted, as of the write that takes it.
Claim RightTaken(const std::optional<Claim>& before, const Taken& taken) {
  Claim right{.key = RightOn(taken.target.key),
              .terms = {.uid = taken.target.uid, .state = kHeld, .number = 1},
              .note = taken.where.str()};
  if (before.has_value() && before->terms.uid == taken.target.uid) {
    right.terms.number = before->terms.number + (before->terms.state == kNone ? 1 : 0);
  }
  return right;
}

}  // namespace

Task<absl::StatusOr<Source::Obtained>> Source::obtain(std::vector<Wanted> wanted) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<storage::ClaimKey> keys;
  for (const Wanted& one : wanted) keys.push_back(RightOn(one.target));
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Claim>> rights,
                         co_await snapshot->get_claims(std::move(keys)));
  snapshot.reset();
  Obtained obtained;
  Permit& permit = obtained.permit;
  std::map<DeploymentId, std::vector<ResourceKey>> missing;
  std::map<ResourceKey, std::optional<Claim>> before;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (rights[i].has_value() && rights[i]->terms.state == kHeld) {
      permit.ops.emplace_back(RequireClaim{.key = rights[i]->key, .uid = rights[i]->terms.uid});
      continue;
    }
    missing[wanted[i].where].push_back(wanted[i].target);
    before.emplace(wanted[i].target, std::move(rights[i]));
  }
  if (missing.empty()) co_return obtained;
  permit.token = NewUid(env_).str();
  for (const auto& [where, targets] : missing) {
    absl::StatusOr<std::optional<Denied>> denied =
        co_await ask_for(targets, where, permit.token, permit.asked);
    if (denied.ok() && !denied->has_value()) continue;
    // The token is in no batch, and never will be.
    co_await give_back(std::move(permit));
    if (!denied.ok()) co_return denied.status();
    co_return Obtained{.permit = {}, .denied = *std::move(denied)};
  }
  for (Taken& taken : permit.asked) {
    const std::optional<Claim>& was = before.at(taken.target.key);
    PutClaim put{.claim = RightTaken(was, taken)};
    if (was.has_value()) put.expected = was->terms;
    taken.incarnation = put.claim.terms.number;
    permit.ops.emplace_back(std::move(put));
  }
  Claim token{.key = TokenKey(permit.token), .terms = {.state = kCommitted}};
  token.due = env_.clock().now();
  token.note = PackTaken(permit.asked);
  permit.ops.emplace_back(PutClaim{.claim = std::move(token)});
  co_return obtained;
}

// What was asked for is noted whatever the answer: an answer that is lost may have been a grant.
Task<absl::StatusOr<std::optional<Denied>>> Source::ask_for(const std::vector<ResourceKey>& targets,
                                                            const DeploymentId& where,
                                                            const std::string& token,
                                                            std::vector<Taken>& asked) {
  const size_t first = asked.size();
  for (const ResourceKey& target : targets) asked.push_back({where, {target, Uid()}, 0});
  Establish request{.source = self_, .token = token, .targets = targets};
  HF_CO_ASSIGN_OR_RETURN(const Established answer,
                         co_await peers_.establish(where, std::move(request)));
  if (answer.refusal.has_value()) {
    const size_t refused = answer.refusal->target;
    if (refused >= targets.size()) co_return MalformedAnswer(where);
    co_return Denied{.target = targets[refused], .why = answer.refusal->why};
  }
  if (answer.uids.size() != targets.size()) co_return MalformedAnswer(where);
  for (size_t i = 0; i < targets.size(); ++i) asked[first + i].target.uid = answer.uids[i];
  co_return std::nullopt;
}

Task<void> Source::give_back(Permit permit) {
  for (const Taken& taken : permit.asked) {
    // Not heard: the target asks what became of it.
    Release release{.token = permit.token, .target = taken.target.key};
    (void)co_await peers_.release(taken.where, std::move(release));
  }
}

Task<absl::StatusOr<std::optional<storage::Op>>> Source::look_at_right(Snapshot& snapshot,
                                                                       ResourceKey target) {
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> right,
                         co_await ReadClaim(snapshot, RightOn(target)));
  if (!right.has_value() || right->terms.state != kHeld) co_return std::nullopt;
  PutClaim put = Changed(*right, *right);
  put.claim.due = env_.clock().now();
  co_return storage::Op(std::move(put));
}

Task<absl::StatusOr<Resolved>> Source::resolve(Resolve what) {
  Resolved answer;
  const Attempt attempt = [&] { return try_to_resolve(what, answer); };
  HF_CO_RETURN_IF_ERROR(co_await UntilDone(what.target, attempt));
  co_return answer;
}

Task<absl::StatusOr<bool>> Source::try_to_resolve(const Resolve& what, Resolved& answer) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> token,
                         co_await ReadClaim(*snapshot, TokenKey(what.token)));
  snapshot.reset();
  if (!token.has_value()) {
    Claim fence{.key = TokenKey(what.token), .terms = {.state = kFenced}};
    storage::Batch batch{.label = "mixin.fence"};
    batch.add(PutClaim{.claim = std::move(fence)}, Handled());
    co_return co_await CommitGuarded(engine_, std::move(batch));
  }
  if (token->terms.state == kFenced) co_return true;
  HF_CO_ASSIGN_OR_RETURN(const std::vector<Taken> taken, UnpackTaken(token->note));
  for (const Taken& one : taken) {
    if (one.target.key != what.target) continue;
    answer = {
        .fate = Resolved::Fate::kCommitted, .uid = one.target.uid, .incarnation = one.incarnation};
  }
  co_return true;
}

Task<absl::StatusOr<Answer>> Source::answer(Question what) {
  Answer answer;
  const Attempt attempt = [&] { return try_to_answer(what, answer); };
  HF_CO_RETURN_IF_ERROR(co_await UntilDone(what.target.key, attempt));
  co_return answer;
}

// Suspends in any case, also what is suspended for this round already: whoever did that may still
// be waiting for those who use the right. Behind our own commit they are through.
Task<absl::StatusOr<bool>> Source::try_to_answer(const Question& what, Answer& answer) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  const storage::ClaimKey key = RightOn(what.target.key);
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> right, co_await ReadClaim(*snapshot, key));
  snapshot.reset();
  answer = {.what = Answer::What::kFree};
  const bool none =
      !right.has_value() || right->terms.uid != what.target.uid || right->terms.state == kNone;
  // Nobody gets one while the target is closed.
  if (none) co_return true;
  if (right->terms.round > what.round) {
    answer.what = Answer::What::kStale;
    co_return true;
  }
  Claim suspended = *right;
  suspended.terms.state = kSuspended;
  suspended.terms.round = what.round;
  suspended.due = env_.clock().now() + kPatience;
  HF_CO_ASSIGN_OR_RETURN(const bool done, co_await put(suspended, right->terms, "mixin.suspend"));
  if (!done) co_return false;
  suspended.terms.version = right->terms.version + 1;

  HF_CO_ASSIGN_OR_RETURN(snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> now, co_await ReadClaim(*snapshot, key));
  if (!now.has_value() || now->terms != suspended.terms) co_return false;
  storage::InboundQuery query{
      .target = what.target.key, .behaviors = kStanding, .limit = Answer::kNamed};
  HF_CO_ASSIGN_OR_RETURN(storage::InboundPage page, co_await snapshot->inbound(std::move(query)));
  if (page.edges.empty()) co_return true;
  answer.what = Answer::What::kBlocked;
  answer.first = std::move(page.edges);
  HF_CO_ASSIGN_OR_RETURN(answer.count,
                         co_await snapshot->count_inbound(what.target.key, kStanding));
  co_return true;
}

Task<absl::Status> Source::restore(Restore what) {
  const ResourceKey about = what.target.key;
  return UntilDone(about, [this, what = std::move(what)] { return try_to_restore(what); });
}

Task<absl::StatusOr<bool>> Source::try_to_restore(const Restore& what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> right,
                         co_await ReadClaim(*snapshot, RightOn(what.target.key)));
  snapshot.reset();
  const bool applies = right.has_value() && right->terms.uid == what.target.uid &&
                       right->terms.state == kSuspended && right->terms.round == what.round;
  if (!applies) co_return true;
  Claim held = *right;
  held.terms.state = kHeld;
  held.terms.round = kOwnRound;
  // While it was suspended its last reference may have gone.
  held.due = env_.clock().now();
  co_return co_await put(std::move(held), right->terms, "mixin.restore");
}

Task<absl::StatusOr<Standing>> Source::standing(Life what) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  HF_CO_ASSIGN_OR_RETURN(const std::optional<Claim> right,
                         co_await ReadClaim(*snapshot, RightOn(what.key)));
  Standing standing;
  if (right.has_value() && right->terms.uid == what.uid) {
    standing.has_right = right->terms.state != kNone;
    standing.incarnation = right->terms.number;
  }
  co_return standing;
}

Task<absl::StatusOr<size_t>> Source::run_duties() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  const Timestamp now = env_.clock().now();
  HF_CO_ASSIGN_OR_RETURN(std::vector<Claim> tokens,
                         co_await snapshot->due_claims(ClaimType::kToken, now, kDutyPage));
  HF_CO_ASSIGN_OR_RETURN(std::vector<Claim> rights,
                         co_await snapshot->due_claims(ClaimType::kRight, now, kDutyPage));
  snapshot.reset();
  size_t settled = 0;
  for (Claim& token : tokens) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await confirm(std::move(token)));
    settled += done ? 1 : 0;
  }
  for (Claim& right : rights) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await settle(std::move(right)));
    settled += done ? 1 : 0;
  }
  co_return settled;
}

// The token's row may go when no target has a blockade for it any more: then nobody asks, or late,
// and "never" does no harm.
Task<absl::StatusOr<bool>> Source::confirm(Claim token) {
  HF_CO_ASSIGN_OR_RETURN(const std::vector<Taken> taken, UnpackTaken(token.note));
  bool heard = true;
  for (const Taken& one : taken) {
    Confirm message{.source = self_,
                    .token = token.key.holder,
                    .target = one.target,
                    .incarnation = one.incarnation};
    const absl::Status confirmed = co_await peers_.confirm(one.where, std::move(message));
    heard = heard && confirmed.ok();
  }
  if (!heard) {
    Claim later = token;
    later.due = env_.clock().now() + kPatience;
    HF_CO_RETURN_IF_ERROR(
        (co_await put(std::move(later), token.terms, "mixin.confirm_later")).status());
    co_return false;
  }
  storage::Batch batch{.label = "mixin.forget_token"};
  batch.add(DropClaim{.key = token.key, .expected = token.terms}, Handled());
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

// Of a right at which somebody must look: is it needed, is it told to the target that it isn't?
Task<absl::StatusOr<bool>> Source::settle(Claim right) {
  if (right.terms.state == kNone) co_return co_await tell_dropped(std::move(right));
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, co_await engine_.snapshot());
  // Whether there is one, not how many: a target may have very many.
  storage::InboundQuery query{.target = right.key.target, .behaviors = kHolding, .limit = 1};
  HF_CO_ASSIGN_OR_RETURN(const storage::InboundPage page,
                         co_await snapshot->inbound(std::move(query)));
  snapshot.reset();
  if (page.edges.empty()) co_return co_await try_to_drop(std::move(right));
  Claim after = right;
  after.terms.state = kHeld;
  after.terms.round = kOwnRound;
  after.due = storage::kNeverDue;
  if (right.terms.state == kSuspended && right.terms.round != kOwnRound) {
    Question question{.target = LifeOf(right), .round = right.terms.round};
    const absl::StatusOr<RoundState> state =
        co_await peers_.round_state(DeploymentId(right.note), std::move(question));
    if (!state.ok() || *state != RoundState::kOver) {
      after = right;
      after.due = env_.clock().now() + kPatience;
    }
  }
  co_return co_await put(std::move(after), right.terms, "mixin.keep_right");
}

// In two steps: behind the first nobody uses the right any more, and all who did can be seen.
Task<absl::StatusOr<bool>> Source::try_to_drop(Claim right) {
  Claim suspended = right;
  suspended.terms.state = kSuspended;
  suspended.due = env_.clock().now();
  HF_CO_ASSIGN_OR_RETURN(const bool done,
                         co_await put(suspended, right.terms, "mixin.suspend_to_drop"));
  if (!done) co_return false;
  suspended.terms.version = right.terms.version + 1;
  Claim none = suspended;
  none.terms.state = kNone;
  none.terms.round = kOwnRound;
  storage::Batch batch{.label = "mixin.drop"};
  batch.add(Changed(suspended, none), Handled());
  batch.add(RequireNoInbound{.key = right.key.target}, Handled());
  HF_CO_ASSIGN_OR_RETURN(const bool dropped, co_await CommitGuarded(engine_, std::move(batch)));
  if (!dropped) co_return false;
  none.terms.version = suspended.terms.version + 1;
  co_return co_await tell_dropped(std::move(none));
}

Task<absl::StatusOr<bool>> Source::tell_dropped(Claim right) {
  Drop message{.source = self_, .target = LifeOf(right), .incarnation = right.terms.number};
  const absl::Status told = co_await peers_.drop(DeploymentId(right.note), std::move(message));
  Claim after = right;
  after.due = told.ok() ? storage::kNeverDue : env_.clock().now() + kPatience;
  HF_CO_ASSIGN_OR_RETURN(const bool done,
                         co_await put(std::move(after), right.terms, "mixin.told_dropped"));
  co_return done&& told.ok();
}

Task<absl::StatusOr<bool>> Source::put(Claim claim, storage::ClaimTerms expected,
                                       const char* label) {
  storage::Batch batch{.label = label};
  batch.add(PutClaim{.claim = std::move(claim), .expected = std::move(expected)}, Handled());
  co_return co_await CommitGuarded(engine_, std::move(batch));
}

}  // namespace holdfast::mixin
