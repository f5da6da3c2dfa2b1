// A client of a simulated deployment: calls any of its nodes over the network, and doesn't believe
// what it isn't told.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "sim/cluster/cluster.h"

namespace holdfast::sim {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

// What a call has told.
struct Answer {
  enum class Outcome {
    kDone,
    kRefused,  // certainly without any effect
    kUnknown,  // no answer, or one that doesn't say
  };
  Outcome outcome = Outcome::kUnknown;
  absl::Status status;
  MessagePtr message;   // kDone
  int64_t invoked = 0;  // World::next_event()
  int64_t returned = 0;

  [[nodiscard]] bool done() const { return outcome == Outcome::kDone; }
};

// Nothing was done, or nobody knows; another attempt may tell.
[[nodiscard]] bool IsWorthRepeating(const absl::Status& status);

// The reason in a word, for the trace. (The details of a status come in any order.)
[[nodiscard]] std::string TextOf(const absl::Status& status);

class Client {
 public:
  Client(Cluster& cluster, std::string name) : cluster_(cluster), name_(std::move(name)) {}

  [[nodiscard]] Cluster& cluster() { return cluster_; }
  [[nodiscard]] World& world() { return cluster_.world(); }
  [[nodiscard]] const std::string& name() const { return name_; }

  // One attempt, at any node. `repeatable`: acting twice on it is as good as once.
  Task<Answer> call(const schema::Method& method, const google::protobuf::Message& request,
                    Repeatable repeatable);
  // Again and again, until there is an answer that says something; gives up after `attempts`.
  // kUnknown if any attempt was: it may still arrive.
  Task<Answer> insist(const schema::Method& method, const google::protobuf::Message& request,
                      int attempts);

  [[nodiscard]] std::unique_ptr<IncomingStream> open(const schema::Method& method,
                                                     const google::protobuf::Message& request);

 private:
  [[nodiscard]] Address any_node();

  Cluster& cluster_;
  const std::string name_;
};

// Fields by path: Set(*request, "vpc.display_name", "x").
void Set(google::protobuf::Message& message, const std::string& path, const std::string& value);
void Set(google::protobuf::Message& message, const std::string& path, int64_t value);
[[nodiscard]] std::string Get(const google::protobuf::Message& message, const std::string& path);
// A message field, made if it isn't there.
[[nodiscard]] google::protobuf::Message& Sub(google::protobuf::Message& message,
                                             const std::string& path);

// What a resource says of itself.
struct ResourceFacts {
  std::string name;
  Uid uid;
  Version version;
  std::string etag;
  std::string marker;
};
[[nodiscard]] ResourceFacts FactsOf(const google::protobuf::Message& resource);

}  // namespace holdfast::sim
