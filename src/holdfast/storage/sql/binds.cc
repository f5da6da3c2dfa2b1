#include "holdfast/storage/sql/binds.h"

#include <utility>

#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/columns.h"

namespace holdfast::storage::sql {
namespace {

batch::Value TextOrNull(const std::optional<std::string>& text) {
  return text.has_value() ? Text(*text) : batch::Null();
}

void AddContents(Row&& row, batch::Row& binds) {
  binds.push_back(Number(static_cast<int64_t>(row.state)));
  binds.push_back(Number(row.pending));
  binds.emplace_back(std::move(row.round));
  binds.emplace_back(row.delete_time.value());
  binds.push_back(BlobOrNull(std::move(row.body)));
  binds.push_back(sql::TextOrNull(std::move(row.fields)));
  binds.push_back(BlobOrNull(std::move(row.outgoing)));
}

void AddTerms(const ClaimTerms& terms, batch::Row& binds) {
  binds.push_back(Text(terms.uid.str()));
  binds.push_back(Number(terms.state));
  binds.push_back(Number(terms.number));
  binds.push_back(Number(terms.round));
}

void AddExpected(const ClaimTerms& terms, batch::Row& binds) {
  AddTerms(terms, binds);
  binds.push_back(Number(terms.version));
}

}  // namespace

batch::Row Binder::key(const ResourceKey& key) const {
  return {Number(names_.kind(key.kind)), Text(key.name.str())};
}

batch::Row Binder::request(const PutRequest& op, Timestamp now) const {
  return {Text(op.id), batch::Blob{op.hash}, batch::Blob{op.answer}, Number(now.value())};
}

batch::Row Binder::guard(const RequireRow& op) const {
  return {Number(names_.kind(op.key.kind)),
          Text(op.key.name.str()),
          Number(op.states),
          op.uid.has_value() ? Text(op.uid->str()) : batch::Null(),
          NumberOrNull(op.version),
          TextOrNull(op.round)};
}

batch::Row Binder::erase(const EraseRow& op) const {
  return {Number(names_.kind(op.key.kind)), Text(op.key.name.str()), Text(op.uid.str()),
          NumberOrNull(op.expected), Number(op.delete_time.value())};
}

batch::Row Binder::update(Row&& row, Version expected) const {
  batch::Row binds;
  binds.reserve(12);
  binds.emplace_back(names_.kind(row.key.kind));
  binds.emplace_back(row.key.name.str());
  binds.emplace_back(row.uid.str());
  binds.emplace_back(expected.value());
  binds.emplace_back(row.version.value());
  AddContents(std::move(row), binds);
  return binds;
}

batch::Row Binder::create(Row&& row) const {
  batch::Row binds;
  binds.reserve(11);
  binds.emplace_back(names_.kind(row.key.kind));
  binds.emplace_back(row.key.name.str());
  binds.emplace_back(row.uid.str());
  binds.emplace_back(row.version.value());
  AddContents(std::move(row), binds);
  return binds;
}

batch::Row Binder::state(const SetState& op) const {
  return {Number(names_.kind(op.key.kind)),
          Text(op.key.name.str()),
          Text(op.uid.str()),
          Number(op.from_states),
          TextOrNull(op.from_round),
          Number(static_cast<int64_t>(op.to)),
          Text(op.round),
          Number(op.pending),
          Number(op.delete_time.value())};
}

batch::Row Binder::dropped(const Edge& edge) const {
  batch::Row row;
  row.reserve(6);
  row.emplace_back(names_.kind(edge.target.kind));
  row.emplace_back(edge.target.name.str());
  row.emplace_back(names_.kind(edge.source.kind));
  row.emplace_back(edge.source.name.str());
  row.emplace_back(names_.field(edge.field));
  return row;
}

batch::Row Binder::put(const Edge& edge) const {
  batch::Row row = dropped(edge);
  row.push_back(Number(static_cast<int64_t>(edge.behavior)));
  return row;
}

batch::Row Binder::unique(const UniqueValue& value) const {
  return {Number(names_.kind(value.kind)), Number(names_.field(value.field)), Text(value.scope),
          Text(dialect_.unique_key == nullptr ? value.value : dialect_.unique_key(value.value))};
}

batch::Row Binder::cursor(const PutCursor& op) const {
  return {Text(op.name), batch::Blob{op.value},
          op.expected.has_value() ? batch::Value(batch::Blob{*op.expected}) : batch::Null()};
}

batch::Row Binder::required(const RequireClaim& op) const {
  batch::Row binds = ClaimBinds(op.key);
  binds.push_back(Text(op.uid.str()));
  binds.push_back(Number(op.states));
  return binds;
}

batch::Row Binder::put(const PutClaim& op) const {
  batch::Row binds = ClaimBinds(op.claim.key);
  if (op.expected.has_value()) AddExpected(*op.expected, binds);
  AddTerms(op.claim.terms, binds);
  binds.push_back(Number(op.claim.due.value()));
  binds.emplace_back(batch::Blob{op.claim.note});
  return binds;
}

batch::Row Binder::drop(const DropClaim& op) const {
  batch::Row binds = ClaimBinds(op.key);
  AddExpected(op.expected, binds);
  return binds;
}

batch::Row Binder::unheld(const RequireUnheld& op) const {
  return {Text(op.key.kind.str()), Text(op.key.name.str()), Number(op.before_round)};
}

batch::Row Binder::limit(const LimitKey& key, int64_t number) const {
  return {Text(key.holder.kind.str()), Text(key.holder.name.str()), Text(key.counted.str()),
          Number(number)};
}

batch::Row Binder::children(const ResourceKey& key, const KindName& kind) const {
  const std::string first = key.name.str() + "/";
  return {Number(names_.kind(kind)), Text(first), Text(PrefixEnd(first))};
}

}  // namespace holdfast::storage::sql
