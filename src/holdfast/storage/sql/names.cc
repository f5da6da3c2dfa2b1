#include "holdfast/storage/sql/names.h"

#include <utility>
#include <variant>

#include "holdfast/base/check.h"

namespace holdfast::storage::sql {
namespace {

// Walks through a batch and notes the names that have no number yet.
class Collector {
 public:
  explicit Collector(const NameIds& known) : known_(known) {}

  [[nodiscard]] NewNames take() { return std::move(found_); }

  void operator()(const PutRequest& /*op*/) {}
  void operator()(const RequireRow& op) { kind(op.key.kind); }
  void operator()(const EraseRow& op) {
    kind(op.key.kind);
    edges(op.removed_edges);
    values(op.removed_unique);
  }
  void operator()(const UpdateRow& op) {
    kind(op.row.key.kind);
    edges(op.removed_edges);
    edges(op.added_edges);
    values(op.removed_unique);
    values(op.added_unique);
  }
  void operator()(const SetState& op) { kind(op.key.kind); }
  void operator()(const CreateRow& op) {
    kind(op.row.key.kind);
    edges(op.edges);
    values(op.unique);
  }
  void operator()(const PutCursor& /*op*/) {}
  // Claims are few, and have their kinds as text.
  void operator()(const RequireClaim& /*op*/) {}
  void operator()(const DropClaim& /*op*/) {}
  void operator()(const PutClaim& /*op*/) {}
  void operator()(const RequireUnheld& /*op*/) {}
  void operator()(const TakeLimit& /*op*/) {}
  void operator()(const RequireTarget& op) { kind(op.key.kind); }
  void operator()(const RequireNoInbound& op) { kind(op.key.kind); }
  void operator()(const RequireNoChildren& op) {
    for (const KindName& child : op.kinds) kind(child);
  }

 private:
  void kind(const KindName& name) {
    if (!known_.kinds.contains(name.str())) found_.kinds.insert(name.str());
  }
  void field(const std::string& path) {
    if (!known_.fields.contains(path)) found_.fields.insert(path);
  }
  void edges(const std::vector<Edge>& edges) {
    for (const Edge& edge : edges) {
      kind(edge.target.kind);
      kind(edge.source.kind);
      field(edge.field);
    }
  }
  void values(const std::vector<UniqueValue>& values) {
    for (const UniqueValue& value : values) {
      kind(value.kind);
      field(value.field);
    }
  }

  const NameIds& known_;
  NewNames found_;
};

std::vector<batch::Row> OneColumn(const std::set<std::string>& texts) {
  std::vector<batch::Row> rows;
  for (const std::string& text : texts) rows.push_back({text});
  return rows;
}

// The numbers come in the order that the names went in.
void Take(const std::set<std::string>& names, const std::vector<batch::Row>& numbers,
          std::map<std::string, int64_t, std::less<>>& into) {
  size_t i = 0;
  for (const std::string& name : names) into[name] = std::get<int64_t>(numbers[i++][0]);
}

}  // namespace

int64_t NameIds::kind(const KindName& name) const {
  const auto it = kinds.find(name.str());
  HF_CHECK(it != kinds.end()) << name.str();
  return it->second;
}

int64_t NameIds::field(std::string_view path) const {
  const auto it = fields.find(path);
  HF_CHECK(it != fields.end()) << path;
  return it->second;
}

std::shared_ptr<const NameIds> Names::known() const {
  const MutexLock lock(mutex_);
  return known_;
}

std::shared_ptr<const NameIds> Names::learn(std::vector<batch::Row> kinds) {
  const MutexLock lock(mutex_);
  auto more = std::make_shared<NameIds>(*known_);
  for (batch::Row& row : kinds) {
    more->kinds[std::get<std::string>(std::move(row[1]))] = std::get<int64_t>(row[0]);
  }
  known_ = std::move(more);
  return known_;
}

Task<absl::StatusOr<std::shared_ptr<const NameIds>>> Names::of(const Batch& batch) {
  std::shared_ptr<const NameIds> known = this->known();
  Collector collector(*known);
  for (const Op& op : batch.ops) std::visit(collector, op);
  NewNames names = collector.take();
  if (names.kinds.empty() && names.fields.empty()) co_return known;
  co_return co_await add(std::move(names));
}

Task<absl::StatusOr<std::shared_ptr<const NameIds>>> Names::add(NewNames names) {
  batch::Batch batch("names");
  const auto add_step = [&batch](const std::set<std::string>& texts, const std::string& sql,
                                 batch::Expect expect) {
    if (texts.empty()) return batch::StepHandle();
    return batch.add(batch::Step{.sql = sql, .binds = OneColumn(texts), .expect = expect});
  };
  add_step(names.kinds, dialect_.add_kind, {});
  add_step(names.fields, dialect_.add_field, {});
  const auto kinds = add_step(names.kinds, dialect_.find_kind, batch::Expect::Exactly(1));
  const auto fields = add_step(names.fields, dialect_.find_field, batch::Expect::Exactly(1));
  const batch::Outcome outcome = co_await database_.commit(std::move(batch));
  if (!outcome.ok()) co_return outcome.status();

  const MutexLock lock(mutex_);
  auto more = std::make_shared<NameIds>(*known_);
  if (!names.kinds.empty()) Take(names.kinds, outcome.rows(kinds), more->kinds);
  if (!names.fields.empty()) Take(names.fields, outcome.rows(fields), more->fields);
  known_ = std::move(more);
  co_return known_;
}

}  // namespace holdfast::storage::sql
