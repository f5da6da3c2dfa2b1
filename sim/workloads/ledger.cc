#include "sim/workloads/ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace holdfast::sim {
namespace {

namespace pb = google::protobuf;

constexpr uint64_t kLedgers = 4;

std::string NameOf(uint64_t i) { return absl::StrCat("organizations/ledger", i); }

std::vector<uint64_t> Entries(const std::string& text) {
  std::vector<uint64_t> entries;
  for (absl::string_view piece : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    uint64_t entry = 0;
    if (absl::SimpleAtoi(piece, &entry)) entries.push_back(entry);
  }
  return entries;
}

}  // namespace

Task<void> Ledger::setup() {
  for (uint64_t i = 1; i <= kLedgers; ++i) {
    const Write write = actor().create("Organization", NameOf(i));
    co_await actor().must(write);
  }
}

// One to three of them, in any order.
std::vector<std::string> Ledger::some_names() {
  std::vector<std::string> all;
  for (uint64_t i = 1; i <= kLedgers; ++i) all.push_back(NameOf(i));
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    std::swap(all[i], all[i + world().below(all.size() - i)]);
  }
  all.resize(1 + world().below(3));
  return all;
}

// A transaction that only reads: all of one revision.
Task<std::map<std::string, Ledger::Page>> Ledger::read(std::vector<std::string> names) {
  std::map<std::string, Page> pages;
  const Answer answer = co_await actor().batch_get(actor().kind("Organization"), names);
  if (!answer.done()) co_return pages;
  ListTransaction transaction;
  transaction.invoked = answer.invoked;
  transaction.returned = answer.returned;
  transaction.text = absl::StrCat(actor().client().name(), " reads");
  const pb::FieldDescriptor* field =
      answer.message->GetDescriptor()->FindFieldByName("organizations");
  for (int i = 0; i < answer.message->GetReflection()->FieldSize(*answer.message, field); ++i) {
    const ResourceFacts facts =
        FactsOf(answer.message->GetReflection()->GetRepeatedMessage(*answer.message, field, i));
    Page page{Entries(facts.marker), facts.etag};
    transaction.accesses.push_back(
        {.key = facts.name, .read = page.entries, .append = std::nullopt});
    pages.emplace(facts.name, std::move(page));
  }
  actor().history().add(std::move(transaction));
  co_return pages;
}

// What was read is still so when the transaction commits: the etags say so. Then each list has one
// entry more.
Task<void> Ledger::step() {
  const std::vector<std::string> names = some_names();
  const std::map<std::string, Page> pages = co_await read(names);
  if (pages.empty() || world().chance(0.3)) co_return;
  ListTransaction transaction;
  std::vector<Write> writes;
  for (const auto& [name, page] : pages) {
    const uint64_t entry = actor().history().number_of(actor().marker());
    std::vector<uint64_t> entries = page.entries;
    entries.push_back(entry);
    Write write = actor().update("Organization", name);
    Set(*write.resource, "display_name", absl::StrJoin(entries, ","));
    Set(*write.resource, "metadata.etag", page.etag);
    write.mask = {"display_name"};
    writes.push_back(std::move(write));
    transaction.accesses.push_back({.key = name, .read = page.entries, .append = entry});
  }
  const Answer answer = co_await actor().transact(writes);
  transaction.invoked = answer.invoked;
  transaction.returned = answer.returned;
  transaction.text = absl::StrCat(actor().client().name(), " appends");
  transaction.outcome = answer.done() ? ListTransaction::Outcome::kCommitted
                        : answer.outcome == Answer::Outcome::kRefused
                            ? ListTransaction::Outcome::kAborted
                            : ListTransaction::Outcome::kUnknown;
  if (transaction.outcome == ListTransaction::Outcome::kUnknown) transaction.returned = kNever;
  actor().history().add(std::move(transaction));
}

// The last word, so that an entry that was lost is missed.
Task<void> Ledger::check() {
  std::vector<std::string> names;
  for (uint64_t i = 1; i <= kLedgers; ++i) names.push_back(NameOf(i));
  co_await read(std::move(names));
}

}  // namespace holdfast::sim
