#include "holdfast/env/manual_network.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "holdfast/base/error.h"

namespace holdfast {
namespace {

class ManualNetworkTest : public ::testing::Test {
 protected:
  std::shared_ptr<void> serve_echo() {
    return network_.serve(
        "b", [this](std::string method, std::string request) -> Task<absl::StatusOr<std::string>> {
          acted_on_.push_back(request);
          co_return method + ":" + request;
        });
  }

  absl::StatusOr<std::string> call(std::string request) {
    const std::unique_ptr<Channel> channel = network_.connect("b");
    return env_.run(channel->call("/m", std::move(request), Seconds(1)));
  }

  ManualEnv env_{7};
  ManualNetwork network_{env_};
  std::vector<std::string> acted_on_;
};

TEST_F(ManualNetworkTest, BringsTheAnswerBack) {
  const std::shared_ptr<void> serving = serve_echo();
  const absl::StatusOr<std::string> answer = call("x");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "/m:x");
}

TEST_F(ManualNetworkTest, FindsNobodyWhereNobodyServesAnyMore) {
  std::shared_ptr<void> serving = serve_echo();
  serving.reset();
  EXPECT_TRUE(absl::IsUnavailable(call("x").status()));
  EXPECT_TRUE(acted_on_.empty());
}

TEST_F(ManualNetworkTest, LosesARequestSoThatItIsNotActedOn) {
  const std::shared_ptr<void> serving = serve_echo();
  network_.set_link("b", ManualNetwork::Link::kLosesRequests);
  const Duration before = env_.clock().monotonic();
  EXPECT_EQ(ReasonOf(call("x").status()), Reason::kDeadlineExceeded);
  EXPECT_GE(env_.clock().monotonic().value() - before.value(), Seconds(1).value());
  EXPECT_TRUE(acted_on_.empty());
}

TEST_F(ManualNetworkTest, LosesAnAnswerAfterTheRequestWasActedOn) {
  const std::shared_ptr<void> serving = serve_echo();
  network_.set_link("b", ManualNetwork::Link::kLosesAnswers);
  EXPECT_EQ(ReasonOf(call("x").status()), Reason::kDeadlineExceeded);
  EXPECT_EQ(acted_on_, std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace holdfast
