#include "sim/clients/actor.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"

namespace holdfast::sim {
namespace {

namespace pb = google::protobuf;
using schema::Verb;

constexpr int kAttempts = 12;
constexpr Duration kPause = Milliseconds(500);

std::vector<const pb::Message*> Repeated(const pb::Message& message, const std::string& name) {
  const pb::FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  std::vector<const pb::Message*> found;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    found.push_back(&message.GetReflection()->GetRepeatedMessage(message, field, i));
  }
  return found;
}

// Copies, since two objects of one descriptor may be of different classes.
void Put(pb::Message& message, const std::string& path, const pb::Message& value) {
  Sub(message, path).ParseFromString(value.SerializeAsString());
}

}  // namespace

std::pair<std::string, std::string> SplitName(const std::string& name) {
  const size_t id = name.rfind('/');
  const size_t collection = id == std::string::npos ? id : name.rfind('/', id - 1);
  const std::string parent = collection == std::string::npos ? "" : name.substr(0, collection);
  return {parent, name.substr(id + 1)};
}

MessagePtr Actor::make(const schema::Kind& kind) const {
  return stage_.cluster.service().schema->new_message(kind.message);
}

std::string Actor::marker() { return absl::StrCat(client_.name(), ".", ++markers_); }

std::string Actor::any(const std::string& prefix, uint64_t n) {
  return absl::StrCat(prefix, 1 + world().below(n));
}

Write Actor::create(const std::string& kind, const std::string& name) {
  Write write;
  write.verb = Verb::kCreate;
  write.kind = &this->kind(kind);
  write.name = name;
  write.resource = make(*write.kind);
  return write;
}

Write Actor::update(const std::string& kind, const std::string& name) {
  Write write = create(kind, name);
  write.verb = Verb::kUpdate;
  Set(*write.resource, "name", name);
  return write;
}

Write Actor::erase(const std::string& kind, const std::string& name) {
  Write write;
  write.verb = Verb::kDelete;
  write.kind = &this->kind(kind);
  write.name = name;
  return write;
}

const schema::Method& Actor::method(Verb verb, const schema::Kind* kind) {
  return stage_.cluster.service().method(verb, kind);
}

MessagePtr Actor::request(const schema::Method& method) {
  return stage_.cluster.service().schema->new_message(method.request);
}

void Actor::fill(pb::Message& request, const Write& write) {
  if (write.verb == Verb::kDelete) {
    Set(request, "name", write.name);
    if (!write.plan_digest.empty()) Set(request, "plan_digest", write.plan_digest);
    if (!write.etag.empty()) Set(request, "etag", write.etag);
    if (write.force) Set(request, "force", 1);
    return;
  }
  Put(request, write.kind->singular, *write.resource);
  if (write.verb == Verb::kCreate) {
    const auto [parent, id] = SplitName(write.name);
    if (!parent.empty()) Set(request, "parent", parent);
    Set(request, absl::StrCat(write.kind->singular, "_id"), id);
  }
  for (const std::string& path : write.mask) Set(request, "update_mask.paths", path);
}

void Actor::announce(const Write& write) {
  if (write.verb != Verb::kDelete) return;
  stage_.cluster.oracle().asked_to_delete({write.kind->name, ResourceName(write.name)});
}

void Actor::tell(const Write& write, const pb::Message* resource, const Answer& answer) {
  const ResourceKey key{write.kind->name, ResourceName(write.name)};
  if (write.verb == Verb::kDelete) {
    history().deleted(key, answer);
  } else if (write.verb == Verb::kCreate) {
    history().created(key, FactsOf(*resource), answer);
  } else {
    history().updated(key, FactsOf(*resource), answer);
  }
}

void Actor::tell_refused(const Write& write) {
  if (write.resource != nullptr) history().refused(write.kind->name, MarkerOf(*write.resource));
}

Task<Answer> Actor::write(const Write& write) {
  const schema::Method& method = this->method(write.verb, write.kind);
  const MessagePtr message = request(method);
  fill(*message, write);
  announce(write);
  if (world().chance(0.3)) Set(*message, "request_id", "once-" + marker());
  Answer answer = co_await client_.call(method, *message, Repeatable::kNo);
  if (answer.done()) tell(write, answer.message.get(), answer);
  if (answer.outcome == Answer::Outcome::kRefused) tell_refused(write);
  co_return answer;
}

Task<Answer> Actor::rehearse(const Write& write) {
  const schema::Method& method = this->method(write.verb, write.kind);
  const MessagePtr message = request(method);
  fill(*message, write);
  Set(*message, "validate_only", 1);
  tell_refused(write);
  Answer answer = co_await client_.call(method, *message, Repeatable::kYes);
  if (answer.done()) world().hit("rehearsal: done");
  co_return answer;
}

Task<Answer> Actor::insist(const Write& write, std::string request_id) {
  const schema::Method& method = this->method(write.verb, write.kind);
  const MessagePtr message = request(method);
  fill(*message, write);
  announce(write);
  Set(*message, "request_id", request_id);
  Answer answer = co_await client_.insist(method, *message, kAttempts);
  // What was answered to an earlier request is no news.
  const bool is_first = asked_.insert(request_id).second;
  if (answer.done() && is_first) tell(write, answer.message.get(), answer);
  co_return answer;
}

Task<void> Actor::must(const Write& write) {
  constexpr int kMostAttempts = 200;
  for (int i = 0; i < kMostAttempts; ++i) {
    const Answer answer = co_await insist(write, absl::StrCat("must-", client_.name(), write.name));
    if (answer.done()) co_return;
    co_await world().env().sleep(kPause);
  }
  world().violated("setup", absl::StrCat(write.name, " can't be made"));
}

Task<Answer> Actor::transact(const std::vector<Write>& writes) {
  const schema::Method& method = this->method(Verb::kTransact, nullptr);
  const MessagePtr message = request(method);
  for (const Write& write : writes) {
    const char* verb = write.verb == Verb::kCreate   ? "create_"
                       : write.verb == Verb::kUpdate ? "update_"
                                                     : "delete_";
    fill(Sub(Sub(*message, "operations"), absl::StrCat(verb, write.kind->singular)), write);
    announce(write);
  }
  if (world().chance(0.3)) Set(*message, "request_id", "once-" + marker());
  Answer answer = co_await client_.call(method, *message, Repeatable::kNo);
  if (answer.done()) {
    const std::vector<const pb::Message*> results = Repeated(*answer.message, "results");
    for (size_t i = 0; i < writes.size() && i < results.size(); ++i) {
      const bool deleted = writes[i].verb == Verb::kDelete;
      const MessagePtr result(results[i]->New());
      result->CopyFrom(*results[i]);
      tell(writes[i], deleted ? nullptr : &Sub(*result, writes[i].kind->singular), answer);
    }
  } else if (answer.outcome == Answer::Outcome::kRefused) {
    for (const Write& write : writes) tell_refused(write);
  }
  co_return answer;
}

Task<Answer> Actor::get(const schema::Kind& kind, std::string name) {
  const schema::Method& method = this->method(Verb::kGet, &kind);
  const MessagePtr message = request(method);
  Set(*message, "name", name);
  Answer answer = co_await client_.call(method, *message, Repeatable::kYes);
  const ResourceKey key{kind.name, ResourceName(name)};
  if (answer.done()) {
    const ResourceFacts facts = FactsOf(*answer.message);
    history().read(key, &facts, answer);
  } else if (ReasonOf(answer.status) == Reason::kResourceNotFound) {
    history().read(key, nullptr, answer);
  }
  co_return answer;
}

Task<Answer> Actor::batch_get(const schema::Kind& kind, std::vector<std::string> names) {
  const schema::Method& method = this->method(Verb::kBatchGet, &kind);
  const MessagePtr message = request(method);
  for (const std::string& name : names) Set(*message, "names", name);
  Answer answer = co_await client_.call(method, *message, Repeatable::kYes);
  if (answer.done()) {
    for (const pb::Message* resource : Repeated(*answer.message, kind.plural)) {
      const ResourceFacts facts = FactsOf(*resource);
      history().read({kind.name, ResourceName(facts.name)}, &facts, answer);
    }
  }
  co_return answer;
}

Task<Answer> Actor::list(const schema::Kind& kind, std::string parent, int64_t page_size) {
  const schema::Method& method = this->method(Verb::kList, &kind);
  const MessagePtr message = request(method);
  if (!parent.empty()) Set(*message, "parent", parent);
  Set(*message, "page_size", page_size);
  Answer answer = co_await client_.call(method, *message, Repeatable::kYes);
  const bool whole = answer.done() && Get(*answer.message, "next_page_token").empty();
  if (whole) {
    std::vector<ResourceFacts> resources;
    for (const pb::Message* one : Repeated(*answer.message, kind.plural)) {
      resources.push_back(FactsOf(*one));
    }
    const Revision revision(std::atoll(Get(*answer.message, "revision").c_str()));
    history().listed(kind.name, schema::NamePattern::ScanPrefix(parent), revision, resources,
                     answer);
  }
  co_return answer;
}

Task<Answer> Actor::look(Verb verb, std::string name) {
  const schema::Method& method = this->method(verb, nullptr);
  const MessagePtr message = request(method);
  Set(*message, "name", name);
  co_return co_await client_.call(method, *message, Repeatable::kYes);
}

}  // namespace holdfast::sim
