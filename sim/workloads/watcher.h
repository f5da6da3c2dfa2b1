// Follows a collection over all that breaks, and holds what it was sent against what was committed:
// in order, no version after a newer one, nothing that never was, nothing missing at a bookmark.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/workloads/workload.h"

namespace holdfast::sim {

class Watcher final : public Workload {
 public:
  explicit Watcher(Actor& actor);
  // One connection.
  Task<void> step() override;
  Task<void> check() override;

 private:
  struct Life {
    Uid uid;
    Version version;
    std::string marker;
    friend bool operator==(const Life&, const Life&) = default;
  };
  // What the watcher knows, and the token that goes on from there.
  struct View {
    std::map<std::string, Life> resources;
    std::string token;
    Revision revision;
    bool whole = false;  // exactly `revision`
  };

  [[nodiscard]] std::unique_ptr<IncomingStream> connect();
  enum class Got { kMessage, kNothing, kEnd };
  Task<Got> read(IncomingStream& stream, Duration patience);
  void take(const google::protobuf::Message& message);
  void take_change(const google::protobuf::Message& change);
  void compare();
  void broken(const std::string& what, const std::string& name);

  const schema::Kind* kind_;
  std::string parent_;
  View view_;
  std::vector<View> earlier_;
};

}  // namespace holdfast::sim
