#include "sim/workloads/watcher.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/check.h"

namespace holdfast::sim {
namespace {

namespace pb = google::protobuf;

// Earlier views that a watcher may be thrown back to.
constexpr size_t kMaxEarlier = 8;
constexpr Duration kQuiet = Seconds(3);
// Far longer than a node takes to see what others have committed.
constexpr Duration kLastQuiet = Seconds(20);
constexpr int kLastAttempts = 200;

std::string EnumOf(const pb::Message& message, const std::string& name) {
  const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return std::string(message.GetReflection()->GetEnum(message, field)->name());
}

bool FlagOf(const pb::Message& message, const std::string& name) {
  const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return message.GetReflection()->GetBool(message, field);
}

// "organizations/-/projects/-": everything of the kind.
std::string AnyParent(const schema::Kind& kind) {
  std::vector<std::string> segments = absl::StrSplit(kind.patterns.at(0).parent_text(), '/');
  for (size_t i = 1; i < segments.size(); i += 2) segments[i] = "-";
  return absl::StrJoin(segments, "/");
}

}  // namespace

Watcher::Watcher(Actor& actor) : Workload(actor) {
  const std::vector<const schema::Kind*>& kinds = actor.stage().cluster.service().service->kinds;
  kind_ = kinds[world().below(kinds.size())];
  parent_ = AnyParent(*kind_);
}

void Watcher::broken(const std::string& what, const std::string& name) {
  world().violated("watch", absl::StrCat(actor().client().name(), ": ", what),
                   {{kind_->name, ResourceName(name)}});
}

std::unique_ptr<IncomingStream> Watcher::connect() {
  const SimService& service = actor().stage().cluster.service();
  const schema::Method& method = service.method(schema::Verb::kWatchCollection, kind_);
  const MessagePtr request = service.schema->new_message(method.request);
  if (!parent_.empty()) Set(*request, "parent", parent_);
  Set(*request, "page_size", static_cast<int64_t>(1 + world().below(5)));
  Set(*request, "resume_token", view_.token);
  return actor().client().open(method, *request);
}

void Watcher::take_change(const pb::Message& change) {
  const std::string name = Get(change, "name");
  world().note(actor().client().name(), absl::StrCat("is sent ", EnumOf(change, "type")),
               {{kind_->name, ResourceName(name)}});
  if (EnumOf(change, "type") == "REMOVED") {
    view_.resources.erase(name);
    return;
  }
  const pb::FieldDescriptor* field = change.GetDescriptor()->FindFieldByName(kind_->singular);
  const ResourceFacts facts = FactsOf(change.GetReflection()->GetMessage(change, field));
  const std::vector<SeenState>& states =
      actor().stage().cluster.oracle().history({kind_->name, ResourceName(name)});
  const bool was = std::any_of(states.begin(), states.end(), [&](const SeenState& state) {
    return state.visible && state.uid == facts.uid && state.version == facts.version &&
           state.marker == facts.marker;
  });
  if (!was)
    broken(absl::StrCat("was sent version ", facts.version.value(), ", which never was"), name);
  const auto before = view_.resources.find(name);
  if (before != view_.resources.end() && before->second.uid == facts.uid &&
      before->second.version > facts.version) {
    broken("was sent an older version after a newer one", name);
  }
  view_.resources[name] = {facts.uid, facts.version, facts.marker};
}

void Watcher::compare() {
  Oracle& oracle = actor().stage().cluster.oracle();
  const auto expected = oracle.view(kind_->name, "", view_.revision);
  for (const auto& [key, state] : expected) {
    const auto mine = view_.resources.find(key.name.str());
    if (mine == view_.resources.end()) {
      broken(absl::StrCat("misses a resource at bookmark ", view_.revision.value()),
             key.name.str());
    } else if (mine->second != Life{state->uid, state->version, state->marker}) {
      broken(absl::StrCat("has version ", mine->second.version.value(), ", not ",
                          state->version.value(), ", at bookmark ", view_.revision.value()),
             key.name.str());
    }
  }
  for (const auto& [name, life] : view_.resources) {
    if (expected.count({kind_->name, ResourceName(name)}) == 0) {
      broken(absl::StrCat("still has a resource at bookmark ", view_.revision.value()), name);
    }
  }
}

void Watcher::take(const pb::Message& message) {
  if (EnumOf(message, "phase") == "RESET") {
    world().hit("watch: reset");
    view_ = View();
    earlier_.clear();
    return;
  }
  const pb::FieldDescriptor* changes = message.GetDescriptor()->FindFieldByName("changes");
  for (int i = 0; i < message.GetReflection()->FieldSize(message, changes); ++i) {
    take_change(message.GetReflection()->GetRepeatedMessage(message, changes, i));
  }
  world().note(actor().client().name(),
               absl::StrCat("is sent ", EnumOf(message, "phase"), " ", Get(message, "revision"),
                            FlagOf(message, "bookmark") ? ", whole" : ""));
  view_.token = Get(message, "resume_token");
  view_.whole = FlagOf(message, "bookmark");
  if (view_.whole) {
    const Revision revision(std::atoll(Get(message, "revision").c_str()));
    if (revision < view_.revision) broken("a bookmark went back", "");
    view_.revision = revision;
    compare();
  }
  if (!world().chance(0.3)) return;
  if (earlier_.size() == kMaxEarlier) earlier_.erase(earlier_.begin());
  earlier_.push_back(view_);
}

Task<Watcher::Got> Watcher::read(IncomingStream& stream, Duration patience) {
  const absl::StatusOr<std::string> bytes = co_await stream.next(world().env(), patience);
  if (bytes.status().code() == absl::StatusCode::kDeadlineExceeded) co_return Got::kNothing;
  if (!bytes.ok()) {
    world().note(actor().client().name(), absl::StrCat("broken off: ", TextOf(bytes.status())));
    co_return Got::kEnd;
  }
  const SimService& service = actor().stage().cluster.service();
  const schema::Method& method = service.method(schema::Verb::kWatchCollection, kind_);
  const MessagePtr message = service.schema->new_message(method.response);
  HF_CHECK(message->ParseFromString(*bytes)) << method.full_name;
  take(*message);
  co_return Got::kMessage;
}

Task<void> Watcher::step() {
  if (!earlier_.empty() && world().chance(0.3)) {
    view_ = earlier_[world().below(earlier_.size())];
    world().hit("watch: resumed from an older token");
  }
  const std::unique_ptr<IncomingStream> stream = connect();
  for (uint64_t n = 1 + world().below(40); n > 0 && actor().stage().goes_on(); --n) {
    const Got got = co_await read(*stream, kQuiet);
    if (got == Got::kEnd) break;
  }
}

// Whoever isn't told of anything more holds what the collection is.
Task<void> Watcher::check() {
  for (int i = 0; i < kLastAttempts && !world().violation().has_value(); ++i) {
    const std::unique_ptr<IncomingStream> stream = connect();
    Got got = Got::kMessage;
    while (got == Got::kMessage) got = co_await read(*stream, kLastQuiet);
    if (got == Got::kNothing && view_.whole) {
      view_.revision = actor().stage().cluster.oracle().last();
      compare();
      co_return;
    }
    co_await world().env().sleep(Seconds(1));
  }
  broken("never comes to its collection", "");
}

}  // namespace holdfast::sim
