// A client with a pen: writes and reads as it is told, and lets the history know at once what it
// was answered, so that no workload has to think of it.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/client_history.h"
#include "sim/clients/client.h"

namespace holdfast::sim {

// What all clients of a run share.
struct Stage {
  Cluster& cluster;
  ClientHistory& history;
  int64_t wanted = 0;  // operations

  [[nodiscard]] bool goes_on() const {
    return cluster.operations() < wanted && !cluster.world().violation().has_value();
  }
};

// A write, alone or in a Transact.
struct Write {
  schema::Verb verb = schema::Verb::kCreate;  // or kUpdate, kDelete
  const schema::Kind* kind = nullptr;
  std::string name;               // "organizations/o1/projects/p1"
  MessagePtr resource;            // not of a delete; in an update with the etag, if any
  std::vector<std::string> mask;  // of an update
  std::string etag;               // of a delete
  bool force = false;             // of a delete
  std::string plan_digest;        // of a delete: exactly that plan, or nothing
};

class Actor {
 public:
  Actor(Stage& stage, std::string name) : stage_(stage), client_(stage.cluster, std::move(name)) {}

  [[nodiscard]] Stage& stage() { return stage_; }
  [[nodiscard]] World& world() { return stage_.cluster.world(); }
  [[nodiscard]] ClientHistory& history() { return stage_.history; }
  [[nodiscard]] Client& client() { return client_; }
  [[nodiscard]] const schema::Kind& kind(const std::string& message_name) {
    return stage_.cluster.service().kind(message_name);
  }
  [[nodiscard]] MessagePtr make(const schema::Kind& kind) const;
  // A text that no other write of the run has.
  [[nodiscard]] std::string marker();
  // One of "<prefix>1" to "<prefix>n".
  [[nodiscard]] std::string any(const std::string& prefix, uint64_t n);

  [[nodiscard]] Write create(const std::string& kind, const std::string& name);
  [[nodiscard]] Write update(const std::string& kind, const std::string& name);
  [[nodiscard]] Write erase(const std::string& kind, const std::string& name);

  // One attempt.
  Task<Answer> write(const Write& write);
  // Asks only whether it would be done (validate_only): it must have no effect, whatever is
  // answered.
  Task<Answer> rehearse(const Write& write);
  // With a request_id: attempts until there is an answer that says something.
  Task<Answer> insist(const Write& write, std::string request_id);
  // Until it is done: for what must be there before a run begins.
  Task<void> must(const Write& write);
  // All or none. One attempt.
  Task<Answer> transact(const std::vector<Write>& writes);

  // The resource, or nullptr in `message` with NOT_FOUND.
  Task<Answer> get(const schema::Kind& kind, std::string name);
  Task<Answer> batch_get(const schema::Kind& kind, std::vector<std::string> names);
  // A whole collection, `parent` may have wildcards; checked if it comes in one page.
  Task<Answer> list(const schema::Kind& kind, std::string parent, int64_t page_size);
  // ExplainDelete or ListReferrers: looks only.
  Task<Answer> look(schema::Verb verb, std::string name);

 private:
  [[nodiscard]] const schema::Method& method(schema::Verb verb, const schema::Kind* kind);
  [[nodiscard]] MessagePtr request(const schema::Method& method);
  void fill(google::protobuf::Message& request, const Write& write);
  // Before it is asked for.
  void announce(const Write& write);
  void tell(const Write& write, const google::protobuf::Message* resource, const Answer& answer);
  void tell_refused(const Write& write);

  Stage& stage_;
  Client client_;
  uint64_t markers_ = 0;
  std::set<std::string> asked_;  // request_ids
};

// "a/b/c/d": "a/b", and "d".
[[nodiscard]] std::pair<std::string, std::string> SplitName(const std::string& name);

}  // namespace holdfast::sim
