#include "sim/checkers/oracle.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

namespace pb = google::protobuf;
using storage::Row;
using storage::RowState;

bool IsReadable(RowState state) {
  return state == RowState::kActive || state == RowState::kClosing;
}

const char* NameOf(RowState state) {
  switch (state) {
    case RowState::kActive:
      return "ACTIVE";
    case RowState::kClosing:
      return "CLOSING";
    case RowState::kDeleting:
      return "DELETING";
    case RowState::kGone:
      return "GONE";
  }
  return "?";
}

bool Has(uint32_t states, RowState state) { return (states >> static_cast<int>(state) & 1) != 0; }

// All strings at the end of the steps.
void Collect(const pb::Message& message, const std::vector<schema::PathStep>& steps, size_t i,
             std::vector<std::string>& out) {
  const pb::FieldDescriptor* field = steps[i].field;
  const pb::Reflection& reflection = *message.GetReflection();
  const bool last = i + 1 == steps.size();
  if (field->is_repeated()) {
    for (int n = 0; n < reflection.FieldSize(message, field); ++n) {
      if (last && !field->is_map()) {
        out.push_back(reflection.GetRepeatedString(message, field, n));
      } else if (field->is_map()) {
        const pb::Message& entry = reflection.GetRepeatedMessage(message, field, n);
        const pb::FieldDescriptor* value = entry.GetDescriptor()->map_value();
        if (last) {
          out.push_back(entry.GetReflection()->GetString(entry, value));
        } else {
          Collect(entry.GetReflection()->GetMessage(entry, value), steps, i + 1, out);
        }
      } else {
        Collect(reflection.GetRepeatedMessage(message, field, n), steps, i + 1, out);
      }
    }
  } else if (last) {
    out.push_back(reflection.GetString(message, field));
  } else if (reflection.HasField(message, field)) {
    Collect(reflection.GetMessage(message, field), steps, i + 1, out);
  }
}

// metadata.lifecycle.block_deletion
bool IsProtected(const pb::Message& resource) {
  const pb::Message* at = &resource;
  for (const char* name : {"metadata", "lifecycle"}) {
    const pb::FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(name);
    at = &at->GetReflection()->GetMessage(*at, field);
  }
  const pb::FieldDescriptor* field = at->GetDescriptor()->FindFieldByName("block_deletion");
  return at->GetReflection()->GetBool(*at, field);
}

}  // namespace

std::string MarkerOf(const pb::Message& resource) {
  for (const char* name : {"display_name", "ports", "description"}) {
    const pb::FieldDescriptor* field = resource.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) return resource.GetReflection()->GetString(resource, field);
  }
  return "";
}

Oracle::Oracle(World& world, const schema::Schema& schema, const schema::Service& service)
    : world_(world), schema_(schema) {
  for (const schema::Kind* kind : service.kinds) kinds_[kind->name] = kind;
}

void Oracle::broken(const std::string& rule, const std::string& what,
                    std::vector<ResourceKey> keys) {
  world_.violated(rule, absl::StrCat(what, " (", label_, " at revision ", last_.value(), ")"),
                  std::move(keys));
}

// --- applying ------------------------------------------------------------------------------------

void Oracle::committed(const storage::Batch& batch, Revision revision) {
  label_ = batch.label;
  last_ = std::max(last_, revision);
  ++commits_;
  touched_.clear();
  touched_limits_.clear();
  added_.clear();
  std::vector<const storage::Op*> ops;
  for (const storage::Op& op : batch.ops) ops.push_back(&op);
  std::stable_sort(ops.begin(), ops.end(),
                   [](const auto* a, const auto* b) { return a->index() < b->index(); });
  for (const storage::Op* op : ops) apply(*op);
  world_.note("database", absl::StrCat("commit ", revision.value(), " ", batch.label),
              {touched_.begin(), touched_.end()});
  revisions_.emplace_back(world_.next_event(), last_);
  for (const ResourceKey& key : touched_) remember(key);
  check_touched();
}

void Oracle::apply(const storage::Op& op) {
  std::visit([this](const auto& one) { apply_one(one); }, op);
}

Oracle::Item* Oracle::find(const ResourceKey& key) {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

const Oracle::Item* Oracle::find(const ResourceKey& key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

void Oracle::apply_one(const storage::PutRequest& op) {
  const Timestamp now = world_.env().clock().now();
  const auto [kept, is_new] = requests_.emplace(op.id, now);
  // Old ones may have been forgotten; see PurgeOptions of the runs.
  constexpr Duration kSurelyKept = Seconds(60);
  if (!is_new && (now - kept->second) < kSurelyKept) {
    broken("request-twice", absl::StrCat("request_id ", op.id, " was acted on a second time"), {});
  }
  kept->second = now;
}

void Oracle::apply_one(const storage::RequireRow& op) {
  const Item* item = find(op.key);
  const bool holds = item != nullptr && Has(op.states, item->row.state) &&
                     (!op.uid.has_value() || *op.uid == item->row.uid) &&
                     (!op.version.has_value() || *op.version == item->row.version) &&
                     (!op.round.has_value() || *op.round == item->row.round);
  if (!holds) broken("guard", "RequireRow didn't hold", {op.key});
}

void Oracle::apply_one(const storage::EraseRow& op) {
  const Item* item = find(op.key);
  const bool holds = item != nullptr && item->row.state != RowState::kGone &&
                     item->row.uid == op.uid &&
                     (!op.expected.has_value() || item->row.version == *op.expected);
  if (!holds) {
    broken("guard", "EraseRow of another row", {op.key});
    return;
  }
  Row row = item->row;
  row.state = RowState::kGone;
  row.body.reset();
  row.pending = 0;
  items_[op.key].last_round = std::exchange(row.round, "");
  row.delete_time = op.delete_time;
  put(std::move(row));
}

void Oracle::apply_one(const storage::UpdateRow& op) {
  const Item* item = find(op.row.key);
  const bool holds = item != nullptr && item->row.state != RowState::kGone &&
                     item->row.uid == op.row.uid && item->row.version == op.expected;
  if (!holds) {
    broken("guard", "UpdateRow of another row", {op.row.key});
    return;
  }
  if (op.row.version < op.expected) broken("I4", "the version went back", {op.row.key});
  put(op.row);
}

void Oracle::apply_one(const storage::SetState& op) {
  const Item* item = find(op.key);
  const bool holds = item != nullptr && item->row.uid == op.uid &&
                     Has(op.from_states, item->row.state) &&
                     (!op.from_round.has_value() || *op.from_round == item->row.round);
  if (!holds) {
    broken("guard", "SetState of another row", {op.key});
    return;
  }
  Row row = item->row;
  row.state = op.to;
  row.round = op.round;
  row.pending = op.pending;
  row.delete_time = op.delete_time;
  put(std::move(row));
}

void Oracle::apply_one(const storage::CreateRow& op) {
  const Item* item = find(op.row.key);
  if (item != nullptr && item->row.state != RowState::kGone) {
    broken("guard", "CreateRow over a row", {op.row.key});
  }
  if (item != nullptr && item->row.uid == op.row.uid) {
    broken("I4", "two lives with one uid", {op.row.key});
  }
  put(op.row);
}

void Oracle::apply_one(const storage::PutCursor& op) {
  const auto found = cursors_.find(op.name);
  const std::string before = found == cursors_.end() ? "" : found->second;
  if (op.expected.has_value() && *op.expected != before) {
    broken("guard", absl::StrCat("PutCursor ", op.name, " over another value"), {});
  }
  cursors_[op.name] = op.value;
}

void Oracle::apply_one(const storage::RequireClaim& op) {
  const auto found = claims_.find(op.key);
  const bool holds = found != claims_.end() && found->second.terms.uid == op.uid &&
                     (op.states & 1u << found->second.terms.state) != 0;
  if (!holds) broken("guard", "RequireClaim didn't hold", {op.key.target});
}

void Oracle::apply_one(const storage::DropClaim& op) {
  const auto found = claims_.find(op.key);
  if (found == claims_.end() || found->second.terms != op.expected) {
    broken("guard", "DropClaim of another claim", {op.key.target});
  }
  claims_.erase(op.key);
}

void Oracle::apply_one(const storage::PutClaim& op) {
  const auto found = claims_.find(op.claim.key);
  const bool holds = op.expected.has_value()
                         ? found != claims_.end() && found->second.terms == *op.expected
                         : found == claims_.end();
  if (!holds) broken("guard", "PutClaim over another claim", {op.claim.key.target});
  storage::Claim& claim = claims_[op.claim.key] = op.claim;
  claim.terms.version = op.expected.has_value() ? op.expected->version + 1 : 1;
}

void Oracle::apply_one(const storage::RequireUnheld& op) {
  for (const auto& [key, claim] : claims_) {
    const bool holds =
        key.type == storage::ClaimType::kBlockade || key.type == storage::ClaimType::kSource;
    if (!holds || key.target != op.key || claim.terms.round >= op.before_round) continue;
    broken("guard", "RequireUnheld didn't hold", {op.key});
  }
}

void Oracle::apply_one(const storage::TakeLimit& op) {
  storage::LimitRow& limit = limits_[op.key];
  // Of which nothing is used may have been forgotten: then `default_max` counts again.
  if (limit.max == 0 || limit.used == 0) limit = {op.key, limit.used, op.default_max};
  limit.used += op.n;
  touched_limits_.insert(op.key);
}

void Oracle::apply_one(const storage::RequireTarget& op) {
  const Item* item = find(op.key);
  if (item == nullptr || item->row.state != RowState::kActive) {
    broken("guard", "RequireTarget didn't hold", {op.key});
  }
}

void Oracle::apply_one(const storage::RequireNoInbound& op) {
  for (const auto& [source, on_delete] : inbound_[op.key]) {
    if (on_delete == OnDelete::kAllowDangling) continue;
    const Item* item = find(source);
    if (item != nullptr && IsReadable(item->row.state)) {
      broken("guard", "RequireNoInbound didn't hold", {op.key, source});
    }
  }
}

void Oracle::apply_one(const storage::RequireNoChildren& op) {
  for (const KindName& kind : op.kinds) {
    const std::string prefix = op.key.name.str() + "/";
    for (auto i = items_.lower_bound({kind, ResourceName(prefix)}); i != items_.end(); ++i) {
      if (i->first.kind != kind || !absl::StartsWith(i->first.name.str(), prefix)) break;
      if (i->second.row.state == RowState::kGone) continue;
      broken("guard", "RequireNoChildren didn't hold", {op.key, i->first});
    }
  }
}

void Oracle::put(Row row) {
  const ResourceKey key = row.key;
  Item& item = items_[key];
  const std::set<Reference> before = item.references;
  const bool same_life = item.row.uid == row.uid && IsReadable(item.row.state);
  if (!before.empty()) item.last_references = before;
  unindex(key, item);
  if (item.row.uid != row.uid) item.protected_since.reset();
  item.row = std::move(row);
  if (item.row.state == RowState::kActive) item.leaving_since.reset();
  if (item.row.state != RowState::kActive && !item.leaving_since) item.leaving_since = last_;
  index(key, item);
  for (const Reference& reference : item.references) {
    if (!same_life || before.count(reference) == 0) added_.emplace(key, reference);
  }
  touched_.insert(key);
}

void Oracle::unindex(const ResourceKey& key, Item& item) {
  for (const Reference& reference : item.references) {
    inbound_[reference.target].erase({key, reference.on_delete});
  }
  for (const UniqueKey& value : item.unique) {
    const auto found = unique_.find(value);
    if (found != unique_.end() && found->second == key) unique_.erase(found);
  }
  for (const storage::LimitKey& limit : item.limits) {
    Count& count = counts_[limit];
    if (IsReadable(item.row.state)) --count.readable;
    if (item.row.state != RowState::kGone) --count.rows;
  }
  item.references.clear();
  item.unique.clear();
  item.limits.clear();
}

void Oracle::index(const ResourceKey& key, Item& item) {
  const auto kind = kinds_.find(key.kind);
  if (kind == kinds_.end() || item.row.state == RowState::kGone) return;
  for (std::optional<ResourceKey> holder = kind->second->parent_of(key.name); holder.has_value();) {
    for (const schema::LimitRule& rule : kind->second->limits) {
      if (rule.per == holder->kind) item.limits.push_back({*holder, key.kind});
    }
    const auto above = kinds_.find(holder->kind);
    holder = above == kinds_.end() ? std::nullopt : above->second->parent_of(holder->name);
  }
  for (const storage::LimitKey& limit : item.limits) {
    Count& count = counts_[limit];
    if (IsReadable(item.row.state)) ++count.readable;
    ++count.rows;
    touched_limits_.insert(limit);
  }
  if (item.row.body.has_value()) read_body(*kind->second, item);
}

void Oracle::read_body(const schema::Kind& kind, Item& item) {
  const ResourceKey& key = item.row.key;
  const std::unique_ptr<pb::Message> resource = schema_.new_message(kind.message);
  if (!resource->ParseFromString(*item.row.body)) {
    broken("body", "can't be parsed", {key});
    return;
  }
  item.marker = MarkerOf(*resource);
  const bool is_protected = IsProtected(*resource);
  if (!is_protected) item.protected_since.reset();
  if (is_protected && !item.protected_since) item.protected_since = last_;
  if (!IsReadable(item.row.state)) return;
  for (const schema::ReferenceField& field : kind.references) {
    std::vector<std::string> names;
    Collect(*resource, field.steps, 0, names);
    for (const std::string& name : names) {
      if (name.empty()) continue;
      const Reference reference{{field.target, ResourceName(name)}, field.on_delete};
      item.references.insert(reference);
      inbound_[reference.target].emplace(key, field.on_delete);
    }
  }
  for (const schema::UniqueRule& rule : kind.unique) {
    const pb::FieldDescriptor* field = rule.steps.back().field;
    const std::string value =
        field->cpp_type() == pb::FieldDescriptor::CPPTYPE_INT64
            ? absl::StrCat(resource->GetReflection()->GetInt64(*resource, field))
            : resource->GetReflection()->GetString(*resource, field);
    if (value.empty() || value == "0") continue;
    const std::optional<ResourceKey> parent = kind.parent_of(key.name);
    const bool in_parent = rule.scope == schema::UniqueRule::Scope::kParent && parent.has_value();
    UniqueKey unique(kind.name, rule.path, in_parent ? parent->name.str() : "", value);
    const auto [other, is_new] = unique_.emplace(unique, key);
    if (!is_new && other->second != key) {
      const Item* holder = find(other->second);
      const bool stands = holder != nullptr && IsReadable(holder->row.state);
      // Within a batch values may change hands in any order: what is touched is looked at again.
      if (stands && touched_.count(other->second) == 0) {
        broken("unique", absl::StrCat(rule.path, " ", value, " twice"), {key, other->second});
      }
      other->second = key;
    }
    item.unique.insert(std::move(unique));
  }
}

bool Oracle::is_seen(const Row& row) const {
  if (IsReadable(row.state)) return true;
  const auto kind = kinds_.find(row.key.kind);
  return row.state == RowState::kDeleting && row.body.has_value() && kind != kinds_.end() &&
         kind->second->async_deletion;
}

void Oracle::remember(const ResourceKey& key) {
  const Item& item = items_[key];
  SeenState state;
  state.revision = last_;
  state.event = world_.events();
  state.visible = is_seen(item.row);
  state.uid = item.row.uid;
  state.version = item.row.version;
  state.marker = item.marker;
  histories_[key].push_back(state);
  if (!state.visible || state.marker.empty()) return;
  markers_.emplace(key.kind, state.marker);
  if (refused_.count({key.kind, state.marker}) > 0) {
    broken("I3", absl::StrCat("a refused write appeared: ", state.marker), {key});
  }
}

// --- what must hold ------------------------------------------------------------------------------

void Oracle::check_touched() {
  for (const ResourceKey& key : touched_) {
    const Item& item = items_[key];
    if (IsReadable(item.row.state)) {
      check_live(key, item);
    } else {
      check_leaving(key, item);
    }
  }
  for (const auto& [source, reference] : added_) {
    if (reference.on_delete == OnDelete::kAllowDangling) continue;
    const Item* target = find(reference.target);
    if (target == nullptr || target->row.state != RowState::kActive) {
      const char* state = target == nullptr ? "missing" : NameOf(target->row.state);
      broken("I2", absl::StrCat("a new reference to what is ", state), {source, reference.target});
    }
  }
  check_limits();
}

void Oracle::check_live(const ResourceKey& key, const Item& item) {
  for (const Reference& reference : item.references) {
    if (reference.on_delete != OnDelete::kBlock) continue;
    const Item* target = find(reference.target);
    const bool stands = target != nullptr && IsReadable(target->row.state);
    const bool goes_too =
        target != nullptr && !item.row.round.empty() && item.row.round == target->last_round;
    if (!stands && !goes_too) broken("I2", "a BLOCK reference dangles", {key, reference.target});
  }
  const auto& history = histories_[key];
  const bool created = history.size() < 2 || !history[history.size() - 2].visible;
  const std::optional<ResourceKey> parent = kinds_[key.kind]->parent_of(key.name);
  if (!created || !parent.has_value()) return;
  const Item* above = find(*parent);
  if (above == nullptr || above->row.state != RowState::kActive) {
    broken("parent", "created below what isn't ACTIVE", {key, *parent});
  }
}

std::vector<const Oracle::Item*> Oracle::children(const ResourceKey& key) const {
  std::vector<const Item*> found;
  const auto kind = kinds_.find(key.kind);
  if (kind == kinds_.end()) return found;
  const std::string prefix = key.name.str() + "/";
  for (const schema::Kind* child : kind->second->children) {
    for (auto i = items_.lower_bound({child->name, ResourceName(prefix)}); i != items_.end(); ++i) {
      if (i->first.kind != child->name || !absl::StartsWith(i->first.name.str(), prefix)) break;
      if (i->second.row.state != RowState::kGone) found.push_back(&i->second);
    }
  }
  return found;
}

bool Oracle::is_going(const ResourceKey& key) const {
  const Item* item = find(key);
  return item == nullptr || item->row.state != RowState::kActive;
}

std::vector<ResourceKey> Oracle::goes_with(const ResourceKey& key, const Item& item) const {
  std::vector<ResourceKey> found;
  const std::optional<ResourceKey> parent = kinds_.at(key.kind)->parent_of(key.name);
  if (parent.has_value()) found.push_back(*parent);
  for (const Reference& reference : item.last_references) {
    const bool cascades = reference.on_delete == OnDelete::kCascadeDelete ||
                          reference.on_delete == OnDelete::kAsyncCascadeDelete;
    if (cascades) found.push_back(reference.target);
  }
  return found;
}

bool Oracle::may_go(const ResourceKey& key, const Item& item) const {
  if (asked_.count(key) > 0 || kinds_.count(key.kind) == 0) return true;
  const std::vector<ResourceKey> with = goes_with(key, item);
  return std::any_of(with.begin(), with.end(),
                     [this](const ResourceKey& other) { return is_going(other); });
}

Revision Oracle::leave_begun(const ResourceKey& key, const Item& item) const {
  Revision begun = item.leaving_since.value_or(last_);
  for (const ResourceKey& other : goes_with(key, item)) {
    const Item* found = find(other);
    if (found != nullptr && found->leaving_since) begun = std::min(begun, *found->leaving_since);
  }
  return begun;
}

void Oracle::check_leaving(const ResourceKey& key, const Item& item) {
  const bool gone = item.row.state == RowState::kGone;
  if (gone && !may_go(key, item)) broken("unasked", "deleted, and nobody asked for it", {key});
  // What is protected while something takes it along already comes too late.
  if (gone && item.protected_since && *item.protected_since < leave_begun(key, item)) {
    broken("protected", "deleted though it has block_deletion", {key});
  }
  for (const auto& [source, on_delete] : inbound_[key]) {
    const Item* holder = find(source);
    if (holder == nullptr || !IsReadable(holder->row.state)) continue;
    // What one deletion has closed goes in any order; see references-local.md, step 5.
    const std::string& round = gone ? item.last_round : item.row.round;
    const bool outside = holder->row.round.empty() || holder->row.round != round;
    const bool later = on_delete == OnDelete::kAsyncUnset ||
                       on_delete == OnDelete::kAsyncCascadeDelete ||
                       on_delete == OnDelete::kAllowDangling;
    if (on_delete == OnDelete::kBlock && outside) {
      broken("I2", absl::StrCat("a BLOCK reference points at what is ", NameOf(item.row.state)),
             {key, source});
    } else if (gone && outside && !later && on_delete != OnDelete::kBlock) {
      broken("dangling", "a reference points at what is GONE", {key, source});
    }
  }
  if (!gone) return;
  const std::vector<const Item*> below = children(key);
  if (!below.empty()) broken("parent", "GONE before its child", {key, below[0]->row.key});
}

void Oracle::check_limits() {
  for (const storage::LimitKey& key : touched_limits_) {
    const storage::LimitRow& limit = limits_[key];
    const Count& count = counts_[key];
    if (limit.used < count.readable || limit.used > count.rows) {
      broken("I5",
             absl::StrCat("used ", limit.used, " of ", key.counted.str(), ", there are ",
                          count.readable, " to ", count.rows),
             {key.holder});
    }
    if (limit.used > limit.max) broken("I5", "above the limit", {key.holder});
  }
}

// --- for clients ---------------------------------------------------------------------------------

Revision Oracle::revision_at(int64_t event) const {
  const auto after =
      std::upper_bound(revisions_.begin(), revisions_.end(), event,
                       [](int64_t wanted, const auto& commit) { return wanted < commit.first; });
  return after == revisions_.begin() ? Revision() : std::prev(after)->second;
}

const std::vector<SeenState>& Oracle::history(const ResourceKey& key) const {
  static const std::vector<SeenState> none;
  const auto found = histories_.find(key);
  return found == histories_.end() ? none : found->second;
}

const SeenState* Oracle::at(const ResourceKey& key, Revision revision) const {
  const std::vector<SeenState>& states = history(key);
  const auto after = std::upper_bound(
      states.begin(), states.end(), revision,
      [](Revision wanted, const SeenState& state) { return wanted < state.revision; });
  if (after == states.begin()) return nullptr;
  const SeenState& last = *std::prev(after);
  return last.visible ? &last : nullptr;
}

std::map<ResourceKey, const SeenState*> Oracle::view(const KindName& kind,
                                                     const std::string& prefix,
                                                     Revision revision) const {
  std::map<ResourceKey, const SeenState*> seen;
  for (auto i = histories_.lower_bound({kind, ResourceName(prefix)}); i != histories_.end(); ++i) {
    if (i->first.kind != kind || !absl::StartsWith(i->first.name.str(), prefix)) break;
    if (const SeenState* state = at(i->first, revision)) seen.emplace(i->first, state);
  }
  return seen;
}

void Oracle::refused(const KindName& kind, const std::string& marker) {
  if (markers_.count({kind, marker}) > 0) {
    world_.violated("I3", absl::StrCat("a write was refused that had been done: ", marker));
  }
  refused_.emplace(kind, marker);
}

// --- at rest -------------------------------------------------------------------------------------

std::vector<ResourceKey> Oracle::restless() const {
  std::vector<ResourceKey> keys;
  for (const auto& [key, item] : items_) {
    const Row& row = item.row;
    const bool leaving = row.state == RowState::kClosing || row.state == RowState::kDeleting;
    if (leaving || row.pending != 0) keys.push_back(key);
  }
  return keys;
}

void Oracle::check_quiet() {
  label_ = "at rest";
  for (const auto& [key, item] : items_) {
    if (item.row.state == RowState::kClosing || item.row.state == RowState::kDeleting) {
      broken("I10", absl::StrCat("still ", NameOf(item.row.state)), {key});
    }
    if (item.row.pending != 0) broken("I8", absl::StrCat("pending ", item.row.pending), {key});
    if (!IsReadable(item.row.state)) continue;
    for (const Reference& reference : item.references) {
      const Item* target = find(reference.target);
      const bool stands = target != nullptr && IsReadable(target->row.state);
      if (!stands && reference.on_delete != OnDelete::kAllowDangling) {
        broken("I8", "a dangling reference", {key, reference.target});
      }
    }
  }
  for (const auto& [key, count] : counts_) {
    const auto limit = limits_.find(key);
    const int64_t used = limit == limits_.end() ? 0 : limit->second.used;
    if (used != count.rows)
      broken("I5", absl::StrCat("used ", used, ", not ", count.rows), {key.holder});
  }
}

void Oracle::compare_row(const Row& row) {
  const Item* item = find(row.key);
  if (item == nullptr) {
    broken("I9", "a row that nobody committed", {row.key});
    return;
  }
  const Row& mine = item->row;
  const bool same = mine.uid == row.uid && mine.version == row.version && mine.state == row.state &&
                    mine.round == row.round && mine.pending == row.pending && mine.body == row.body;
  if (!same) broken("I9", "the database has another row", {row.key});
}

void Oracle::compare_limit(const storage::LimitRow& row) {
  const auto mine = limits_.find(row.key);
  const int64_t used = mine == limits_.end() ? 0 : mine->second.used;
  if (used != row.used) {
    broken("I9", absl::StrCat("the database has used ", row.used, ", not ", used),
           {row.key.holder});
  }
}

// The references to it that the database has found, against those in the resources.
Task<absl::Status> Oracle::compare_inbound(storage::Snapshot& snapshot, ResourceKey key) {
  std::set<std::pair<ResourceKey, OnDelete>> found;
  storage::InboundQuery query;
  query.target = key;
  for (;;) {
    absl::StatusOr<storage::InboundPage> page = co_await snapshot.inbound(query);
    if (!page.ok()) co_return page.status();
    for (const storage::Edge& edge : page->edges) found.emplace(edge.source, edge.behavior);
    if (!page->next.has_value()) break;
    query.after = page->next;
  }
  if (found != inbound_[key]) {
    broken("I9",
           absl::StrCat("the database has ", found.size(), " references to it, not ",
                        inbound_[key].size()),
           {key});
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Oracle::compare(storage::Snapshot& snapshot) {
  std::set<ResourceKey> seen;
  storage::ScanQuery query;
  query.tombstones = storage::Tombstones::kInclude;
  for (;;) {
    absl::StatusOr<storage::ScanPage> page = co_await snapshot.scan(query);
    if (!page.ok()) co_return page.status();
    for (const Row& row : page->rows) {
      compare_row(row);
      seen.insert(row.key);
      const absl::Status compared = co_await compare_inbound(snapshot, row.key);
      if (!compared.ok()) co_return compared;
    }
    if (!page->next.has_value()) break;
    query.after = page->next;
  }
  for (const auto& [key, item] : items_) {
    // Tombstones may have been forgotten.
    if (item.row.state == RowState::kGone || seen.count(key) > 0) continue;
    broken("I3", "a committed row is missing", {key});
  }
  absl::StatusOr<std::vector<storage::LimitRow>> limits =
      co_await snapshot.limits(std::nullopt, storage::kMaxPage);
  if (!limits.ok()) co_return limits.status();
  for (const storage::LimitRow& row : *limits) compare_limit(row);
  co_return absl::OkStatus();
}

Task<void> Oracle::check_at_rest(storage::Engine& engine) {
  check_quiet();
  absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot = co_await engine.snapshot();
  absl::Status status = snapshot.status();
  if (snapshot.ok()) status = co_await compare(**snapshot);
  if (!status.ok())
    broken("I9", absl::StrCat("can't be read: ", std::string(status.message())), {});
}

}  // namespace holdfast::sim
