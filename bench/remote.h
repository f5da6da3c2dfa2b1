// The bench service as its client sees it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/project.h"
#include "holdfast/real/grpc_client.h"

namespace holdfast::bench {

inline constexpr int kProjects = 100;
inline constexpr int kZones = 1000;

struct Request {
  const google::protobuf::MethodDescriptor* method = nullptr;
  real::MessagePtr message;
};

class Remote {
 public:
  Remote(const std::string& address, size_t max_in_flight);

  [[nodiscard]] real::Client& client() { return *client_; }

  // A create of one of the kinds that loads are made of: vpc (a random project, a random zone),
  // slot and mark (all in one project).
  [[nodiscard]] Request new_create(std::string_view kind, Ids& ids) const;

  // Creates the projects and zones.
  void fill();
  // Creates a VPC with so many firewall rules; its name.
  std::string fill_vpc(std::string_view id, int rules);
  // Answers when the deletion of all that is below is decided and done, or goes on in the
  // background.
  void erase(const std::string& vpc);

 private:
  struct Resource {
    std::string kind;  // "Vpc"
    std::string name;
    std::string zone;
  };
  void transact(const std::vector<Resource>& resources);

  std::unique_ptr<real::Client> client_;
};

}  // namespace holdfast::bench
