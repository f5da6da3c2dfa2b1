#include "holdfast/mixin/claims.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/base/texts.h"

namespace holdfast::mixin {

using storage::Claim;
using storage::ClaimKey;
using storage::ClaimType;

ClaimKey RightOn(const ResourceKey& target) {
  return {.type = ClaimType::kRight, .target = target, .holder = ""};
}

ClaimKey TokenKey(const std::string& token) {
  return {.type = ClaimType::kToken, .target = {}, .holder = token};
}

ClaimKey BlockadeOn(const ResourceKey& target, const std::string& token) {
  return {.type = ClaimType::kBlockade, .target = target, .holder = token};
}

ClaimKey SourceOn(const ResourceKey& target, const DeploymentId& source) {
  return {.type = ClaimType::kSource, .target = target, .holder = source.str()};
}

ClaimKey RoundsOf(const ResourceKey& target) {
  return {.type = ClaimType::kRounds, .target = target, .holder = ""};
}

std::string PackTaken(const std::vector<Taken>& taken) {
  std::string packed;
  for (const Taken& one : taken) {
    PutText(one.where.str(), packed);
    PutText(one.target.key.kind.str(), packed);
    PutText(one.target.key.name.str(), packed);
    PutText(one.target.uid.str(), packed);
    PutText(absl::StrCat(one.incarnation), packed);
  }
  return packed;
}

absl::StatusOr<std::vector<Taken>> UnpackTaken(std::string_view note) {
  std::vector<Taken> taken;
  while (!note.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string_view where, TakeText(note));
    HF_ASSIGN_OR_RETURN(const std::string_view kind, TakeText(note));
    HF_ASSIGN_OR_RETURN(const std::string_view name, TakeText(note));
    HF_ASSIGN_OR_RETURN(const std::string_view uid, TakeText(note));
    HF_ASSIGN_OR_RETURN(const std::string_view incarnation, TakeText(note));
    Taken one{.where = DeploymentId(where)};
    one.target.key = {.kind = KindName(kind), .name = ResourceName(name)};
    one.target.uid = Uid(uid);
    if (!absl::SimpleAtoi(ToAbsl(incarnation), &one.incarnation)) {
      return MakeError(Reason::kInternal, "a token's note has no incarnation");
    }
    taken.push_back(std::move(one));
  }
  return taken;
}

Task<absl::StatusOr<std::optional<Claim>>> ReadClaim(storage::Snapshot& snapshot, ClaimKey key) {
  std::vector<ClaimKey> keys{std::move(key)};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<Claim>> claims,
                         co_await snapshot.get_claims(std::move(keys)));
  co_return std::move(claims[0]);
}

Task<absl::StatusOr<std::optional<storage::Row>>> ReadRow(storage::Snapshot& snapshot,
                                                          ResourceKey key) {
  std::vector<ResourceKey> keys{std::move(key)};
  HF_CO_ASSIGN_OR_RETURN(std::vector<std::optional<storage::Row>> rows,
                         co_await snapshot.get(std::move(keys), storage::Fields::kShadow));
  co_return std::move(rows[0]);
}

storage::PutClaim Changed(const Claim& before, Claim after) {
  return {.claim = std::move(after), .expected = before.terms};
}

absl::Status MalformedAnswer(const DeploymentId& from) {
  return MakeError(Reason::kInternal,
                   absl::StrCat(from.str(), " has sent an answer that isn't one"));
}

Task<absl::Status> UntilDone(ResourceKey about, Attempt attempt) {
  constexpr int kAttempts = 16;
  for (int i = 0; i < kAttempts; ++i) {
    HF_CO_ASSIGN_OR_RETURN(const bool done, co_await attempt());
    if (done) co_return absl::OkStatus();
  }
  co_return MakeError(Reason::kConflict,
                      absl::StrCat(about.name.str(), ": lost against others too often; try again"));
}

}  // namespace holdfast::mixin
