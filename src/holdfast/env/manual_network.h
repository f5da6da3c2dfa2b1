// A network inside one ManualEnv: every message takes a seeded time, and a test may cut an address
// off before the request arrives or after it was acted on.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "holdfast/env/channel.h"
#include "holdfast/env/manual_env.h"

namespace holdfast {

class ManualNetwork final : public Network {
 public:
  // What becomes of calls to an address.
  enum class Link {
    kUp,
    kLosesRequests,  // nothing arrives
    kLosesAnswers,   // requests are acted on, their answers don't come back
  };
  static constexpr Duration kDefaultTimeout = Seconds(10);
  static constexpr Duration kMaxLatency = Milliseconds(5);

  // `env` outlives the network and its channels.
  explicit ManualNetwork(ManualEnv& env);

  [[nodiscard]] std::unique_ptr<Channel> connect(std::string address) override;
  [[nodiscard]] std::shared_ptr<void> serve(std::string address, ChannelHandler handler) override;
  void set_link(const std::string& address, Link link);

 private:
  struct State;
  class ManualChannel;
  std::shared_ptr<State> state_;  // shared with channels and tokens
};

}  // namespace holdfast
