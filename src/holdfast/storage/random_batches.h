// Batches by chance for model tests: over few names, so that they meet, and made from what is
// there, so that most of them succeed; but some ops in them are wrong on purpose.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "holdfast/storage/conformance.h"

namespace holdfast::storage {

class RandomBatches {
 public:
  explicit RandomBatches(uint64_t seed) : random_(seed) {}

  [[nodiscard]] uint64_t below(uint64_t n) { return random_() % n; }
  [[nodiscard]] bool chance(uint64_t percent) { return below(100) < percent; }

  // All that are there, tombstones included.
  [[nodiscard]] Batch batch(const std::vector<Row>& rows, const std::vector<Claim>& claims) {
    claims_.clear();
    for (const Claim& claim : claims) claims_.emplace(claim.key, claim);
    rows_.clear();
    for (const Row& row : rows) rows_.emplace(row.key, row);
    Batch batch{.label = "random"};
    if (chance(10)) batch.mode = Batch::Mode::kRehearse;
    const uint64_t size = 1 + below(chance(70) ? 3 : 8);
    for (uint64_t i = 0; i < size; ++i) batch.add(op());
    return batch;
  }

  [[nodiscard]] ResourceKey key() {
    const std::string vpc = std::to_string(below(5));
    return chance(50) ? Vpc(vpc) : Rule(vpc, std::to_string(below(3)));
  }
  static constexpr ClaimType kClaimTypes[] = {ClaimType::kRight, ClaimType::kBlockade,
                                              ClaimType::kSource};
  [[nodiscard]] ClaimKey claim_key() {
    ClaimKey key{.type = kClaimTypes[below(3)], .target = Vpc(std::to_string(below(2)))};
    if (key.type != ClaimType::kRight) key.holder = "h" + std::to_string(below(2));
    return key;
  }
  [[nodiscard]] LimitKey limit_key() {
    const ResourceKey holder = Vpc(std::to_string(below(2)));
    return {.holder = holder, .counted = chance(50) ? kVpc : kRule};
  }
  [[nodiscard]] std::string cursor_name() { return "c" + std::to_string(below(3)); }
  [[nodiscard]] std::string request_id() { return "r" + std::to_string(below(6)); }
  [[nodiscard]] Timestamp time() { return Timestamp(static_cast<int64_t>(below(100))); }
  [[nodiscard]] RowState state() { return static_cast<RowState>(below(4)); }
  [[nodiscard]] uint32_t behaviors() { return static_cast<uint32_t>(below(128)); }

 private:
  // The row that is there under a key, or one that was made up.
  [[nodiscard]] Row row_of(const ResourceKey& key) {
    const auto found = rows_.find(key);
    return found == rows_.end() ? NewRow(key) : found->second;
  }
  [[nodiscard]] Uid uid_of(const Row& row) { return chance(5) ? Uid("wrong") : row.uid; }
  [[nodiscard]] Version version_of(const Row& row) {
    return chance(5) ? Version(row.version.value() + 1) : row.version;
  }
  [[nodiscard]] std::string round() { return chance(50) ? "" : "r" + std::to_string(below(2)); }
  [[nodiscard]] uint32_t pending() { return chance(60) ? 0 : static_cast<uint32_t>(below(32)); }

  [[nodiscard]] std::vector<Edge> edges(const ResourceKey& source) {
    std::vector<Edge> edges;
    while (chance(40)) {
      const ResourceKey target = key();
      const auto behavior = static_cast<OnDelete>(1 + below(6));
      edges.push_back(EdgeTo(target, source, behavior, chance(50) ? "x" : "y"));
    }
    return edges;
  }
  // A few rows have the same choice, so that they both collide and give values up again.
  [[nodiscard]] std::vector<UniqueValue> unique(const ResourceKey& key) {
    std::vector<UniqueValue> values;
    while (chance(20)) {
      const std::string value = key.name.str().substr(5, 1) + std::to_string(below(2));
      values.push_back(UniqueName(value, chance(50) ? "" : "scope"));
    }
    return values;
  }
  // Random contents for a row whose identity is given.
  void fill(Row& row) {
    row.state = chance(80) ? RowState::kActive : static_cast<RowState>(below(3));
    row.pending = pending();
    row.round = round();
    row.delete_time = time();
    row.body.reset();
    if (chance(80)) row.body = std::string(below(50), static_cast<char>(below(256)));
    row.fields = chance(50) ? "" : "{\"size\":" + std::to_string(below(5)) + "}";
    row.outgoing = std::string(below(3), '\0');
  }

  [[nodiscard]] Op create() {
    ResourceKey at = key();
    // Mostly where there is nothing.
    for (int tries = 0; tries < 4 && row_of(at).state != RowState::kGone; ++tries) {
      if (!rows_.contains(at)) break;
      at = key();
    }
    Row row = NewRow(at, static_cast<int>(below(1000)));
    fill(row);
    row.version = Version(static_cast<int64_t>(1 + below(3)));
    const std::vector<Edge> out = edges(at);
    return CreateRow{.row = row, .edges = out, .unique = unique(at)};
  }
  [[nodiscard]] Op update() {
    Row row = row_of(key());
    UpdateRow op{.expected = version_of(row)};
    row.uid = uid_of(row);
    row.version = Version(row.version.value() + 1);
    fill(row);
    op.removed_edges = edges(row.key);
    op.added_edges = edges(row.key);
    op.removed_unique = unique(row.key);
    op.added_unique = unique(row.key);
    op.row = std::move(row);
    return op;
  }
  [[nodiscard]] Op erase() {
    const Row row = row_of(key());
    EraseRow op{.key = row.key, .uid = uid_of(row)};
    if (chance(50)) op.expected = version_of(row);
    op.delete_time = time();
    op.removed_edges = edges(row.key);
    op.removed_unique = unique(row.key);
    return op;
  }
  [[nodiscard]] Op set_state() {
    const Row row = row_of(key());
    SetState op{.key = row.key, .uid = uid_of(row)};
    op.from_states = chance(70) ? StateBit(row.state) : static_cast<uint32_t>(below(16));
    if (chance(40)) op.from_round = chance(80) ? row.round : "wrong";
    op.to = static_cast<RowState>(below(3));
    op.round = round();
    op.pending = pending();
    op.delete_time = time();
    return op;
  }
  [[nodiscard]] Op require_row() {
    const Row row = row_of(key());
    RequireRow op{.key = row.key};
    op.states = chance(80) ? StateBit(row.state) : static_cast<uint32_t>(below(16));
    if (chance(50)) op.uid = uid_of(row);
    if (chance(50)) op.version = version_of(row);
    if (chance(30)) op.round = chance(80) ? row.round : "wrong";
    return op;
  }
  [[nodiscard]] Op put_cursor() {
    PutCursor op{.name = cursor_name()};
    op.value = chance(20) ? "" : std::to_string(below(2));
    if (chance(50)) op.expected = chance(30) ? "" : std::to_string(below(2));
    return op;
  }
  [[nodiscard]] Op take_limit() {
    const LimitKey limit = limit_key();
    const int64_t n = static_cast<int64_t>(below(6)) - 2;
    return TakeLimit{.key = limit, .n = n, .default_max = 3};
  }
  [[nodiscard]] Op require_no_children() {
    RequireNoChildren op{.key = key()};
    if (chance(80)) op.kinds.push_back(kRule);
    if (chance(30)) op.kinds.push_back(kVpc);
    return op;
  }
  [[nodiscard]] ClaimTerms terms() {
    return {.uid = Uid("u" + std::to_string(below(2))),
            .state = static_cast<int64_t>(below(3)),
            .number = static_cast<int64_t>(below(2)),
            .round = static_cast<int64_t>(below(3)),
            .version = static_cast<int64_t>(1 + below(3))};
  }
  // Of what is there, mostly.
  [[nodiscard]] ClaimTerms terms_of(const ClaimKey& key) {
    const auto found = claims_.find(key);
    return found == claims_.end() || chance(5) ? terms() : found->second.terms;
  }
  [[nodiscard]] Op require_claim() {
    RequireClaim op{.key = claim_key()};
    const ClaimTerms terms = terms_of(op.key);
    op.uid = terms.uid;
    op.states = chance(80) ? 1u << terms.state : static_cast<uint32_t>(below(8));
    return op;
  }
  [[nodiscard]] Op drop_claim() {
    DropClaim op{.key = claim_key()};
    op.expected = terms_of(op.key);
    return op;
  }
  [[nodiscard]] Op put_claim() {
    PutClaim op{.claim = {.key = claim_key(), .terms = terms()}};
    op.claim.due = chance(50) ? kNeverDue : time();
    op.claim.note = std::string(below(3), static_cast<char>(below(256)));
    if (claims_.contains(op.claim.key) != chance(5)) op.expected = terms_of(op.claim.key);
    return op;
  }
  [[nodiscard]] Op require_unheld() {
    RequireUnheld op{.key = claim_key().target};
    if (chance(80)) op.before_round = static_cast<int64_t>(below(4));
    return op;
  }
  [[nodiscard]] Op claim_op() {
    const uint64_t dice = below(100);
    if (dice < 50) return put_claim();
    if (dice < 70) return drop_claim();
    if (dice < 90) return require_claim();
    return require_unheld();
  }
  [[nodiscard]] Op put_request() {
    const std::string hash = std::to_string(below(2));
    return PutRequest{.id = request_id(), .hash = hash, .answer = std::string(below(3), '\0')};
  }

  [[nodiscard]] Op op() {
    if (chance(15)) return claim_op();
    const uint64_t dice = below(100);
    if (dice < 30) return create();
    if (dice < 48) return update();
    if (dice < 60) return erase();
    if (dice < 70) return set_state();
    if (dice < 77) return require_row();
    if (dice < 82) return put_cursor();
    if (dice < 88) return take_limit();
    if (dice < 92) return RequireTarget{.key = key()};
    if (dice < 95) return RequireNoInbound{.key = key()};
    if (dice < 98) return require_no_children();
    return put_request();
  }

  std::mt19937_64 random_;
  std::map<ResourceKey, Row> rows_;
  std::map<ClaimKey, Claim> claims_;
};

}  // namespace holdfast::storage
