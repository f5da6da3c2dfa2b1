#include "sim/env/network.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <optional>

namespace holdfast::sim {
namespace {

// Counts what it is asked, and sends numbers for ever.
class Counter final : public Host {
 public:
  Task<absl::StatusOr<std::string>> call(std::string /*method*/, std::string request,
                                         Duration /*timeout*/) override {
    ++calls;
    co_return "to " + request;
  }
  Task<absl::Status> stream(std::string /*method*/, std::string /*request*/, OneShot /*cancelled*/,
                            StreamSink& sink) override {
    for (int i = 0;; ++i) {
      const absl::Status status = co_await sink.write(std::to_string(i));
      if (!status.ok()) co_return status;
      ++written;
    }
  }
  int calls = 0;
  int written = 0;
};

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() { network_.serve("node", *node_, counter_); }
  ~NetworkTest() override {
    node_->close();
    world_.env().close();
  }

  absl::StatusOr<std::string> call(Repeatable repeatable) {
    std::optional<absl::StatusOr<std::string>> answer;
    Spawn(world_.env(), ask(repeatable, &answer));
    EXPECT_TRUE(world_.scheduler()->run_until([&] { return answer.has_value(); }, Seconds(60)));
    return *answer;
  }
  Task<void> ask(Repeatable repeatable, std::optional<absl::StatusOr<std::string>>* answer) {
    absl::StatusOr<std::string> result =
        co_await network_.call(world_.env(), "client", "node", "M", "me", Seconds(5), repeatable);
    answer->emplace(std::move(result));
  }
  // Reads until the end, or `most` messages.
  Task<void> follow(IncomingStream* stream, size_t most, std::vector<std::string>* got,
                    absl::Status* end) {
    while (got->size() < most) {
      absl::StatusOr<std::string> next = co_await stream->next(world_.env(), Seconds(5));
      if (!next.ok()) {
        *end = next.status();
        co_return;
      }
      got->push_back(*std::move(next));
    }
  }

  World world_{1};
  std::unique_ptr<NodeEnv> node_ = world_.make_env();
  Network network_{world_};
  Counter counter_;
};

TEST_F(NetworkTest, BringsAnAnswerAndTakesItsTime) {
  EXPECT_EQ(*call(Repeatable::kNo), "to me");
  EXPECT_EQ(counter_.calls, 1);
}

TEST_F(NetworkTest, RepeatsOnlyWhatMayBeRepeated) {
  network_.set_faults({.repetition = 1});
  EXPECT_TRUE(call(Repeatable::kNo).ok());
  EXPECT_EQ(counter_.calls, 1);
  EXPECT_TRUE(call(Repeatable::kYes).ok());
  world_.scheduler()->advance(Seconds(1));
  EXPECT_EQ(counter_.calls, 3);
}

TEST_F(NetworkTest, BreaksConnectionsAfterTheRequestWasActedOn) {
  network_.set_faults({.reset = 1});
  EXPECT_EQ(call(Repeatable::kNo).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(counter_.calls, 1);
}

TEST_F(NetworkTest, CutsEitherWay) {
  network_.cut("client", "node");
  EXPECT_EQ(call(Repeatable::kNo).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(counter_.calls, 0);
  network_.heal();
  network_.cut("node", "client");
  EXPECT_EQ(call(Repeatable::kNo).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(counter_.calls, 1);
  network_.heal();
  EXPECT_TRUE(call(Repeatable::kNo).ok());
}

TEST_F(NetworkTest, StreamsInOrderAndNoFasterThanTheReader) {
  network_.set_faults({.delay = 0.5});
  const std::unique_ptr<IncomingStream> stream = network_.open("client", "node", "M", "");
  world_.scheduler()->advance(Seconds(30));
  EXPECT_LT(counter_.written, 8);
  std::vector<std::string> got;
  absl::Status end;
  Spawn(world_.env(), follow(stream.get(), 20, &got, &end));
  EXPECT_TRUE(world_.scheduler()->run_until([&] { return got.size() == 20; }, Seconds(300)));
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], std::to_string(i));
}

// A stream is TCP: after something that is lost nothing comes but its end.
TEST_F(NetworkTest, EndsAStreamAtALostMessage) {
  network_.set_faults({.loss = 0.1});
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<IncomingStream> stream = network_.open("client", "node", "M", "");
    std::vector<std::string> got;
    absl::Status end;
    Spawn(world_.env(), follow(stream.get(), 1000, &got, &end));
    EXPECT_TRUE(world_.scheduler()->run_until([&] { return !end.ok(); }, Seconds(300)));
    EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable);
    for (size_t n = 0; n < got.size(); ++n) EXPECT_EQ(got[n], std::to_string(n));
  }
}

TEST_F(NetworkTest, EndsStreamsOfAMachineThatIsGone) {
  const std::unique_ptr<IncomingStream> stream = network_.open("client", "node", "M", "");
  world_.scheduler()->advance(Seconds(1));
  network_.remove("node");
  node_->close();
  std::vector<std::string> got;
  absl::Status end;
  Spawn(world_.env(), follow(stream.get(), 1000, &got, &end));
  EXPECT_TRUE(world_.scheduler()->run_until([&] { return !end.ok(); }, Seconds(60)));
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace holdfast::sim
