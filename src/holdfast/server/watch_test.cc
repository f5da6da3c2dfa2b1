// Watch: snapshot, CURRENT, changes; resumption; resets; slow watchers.
#include <map>

#include "holdfast/base/token.h"
#include "holdfast/server/test_server.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

using ::testing::ElementsAre;

// What a watcher knows: applies messages, and checks that no version goes back.
class Watcher {
 public:
  void apply(const Json& message) {
    if (message.value("phase", "") == "RESET") view_.clear();
    for (const Json& change : message.value("changes", Json::array())) {
      const std::string name = change.at("name");
      const int64_t version = std::stoll(change.value("resource_version", "0"));
      if (change.at("type") == "REMOVED") {
        view_.erase(name);
        continue;
      }
      EXPECT_GE(version, versions_[name]) << name << " went back";
      versions_[name] = version;
      view_[name] = change;
    }
    token_ = message.value("resume_token", "");
  }
  void apply_all(const Recorder& recorder) {
    for (; applied_ < recorder.messages.size(); ++applied_) apply(recorder.messages[applied_]);
  }
  // For the next stream.
  void start_over() { applied_ = 0; }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, change] : view_) names.push_back(name);
    return names;
  }
  [[nodiscard]] const std::string& token() const { return token_; }
  [[nodiscard]] int64_t version(const std::string& name) const { return versions_.at(name); }

 private:
  std::map<std::string, Json> view_;
  std::map<std::string, int64_t> versions_;
  std::string token_;
  size_t applied_ = 0;
};

std::vector<std::string> Phases(const Recorder& recorder) {
  std::vector<std::string> phases;
  for (const Json& message : recorder.messages) phases.push_back(message.at("phase"));
  return phases;
}

void SetDisplayName(TestServer& server, const std::string& project, const std::string& value) {
  server.must("ProjectService/UpdateProject",
              {{"project", {{"name", project}, {"display_name", value}}}});
}

TEST(Watch, GivesASnapshotThenCurrentThenChanges) {
  HF_COVERS("S27", "B3");
  TestServer server;
  server.given_project("a");
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  EXPECT_THAT(Phases(stream.recorder), ElementsAre("SNAPSHOT", "CURRENT"));
  EXPECT_EQ(stream.recorder.messages[1].at("bookmark"), true);
  server.given_project("b");
  server.must("ProjectService/DeleteProject", {{"name", "projects/a"}});
  server.env().run_until_idle();
  Watcher watcher;
  watcher.apply_all(stream.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/b"));
  EXPECT_EQ(Phases(stream.recorder).back(), "CHANGES");
  EXPECT_FALSE(stream.ended.has_value());
}

TEST(Watch, OfAnEmptyCollectionIsCurrentAtOnce) {
  TestServer server;
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  EXPECT_THAT(Phases(stream.recorder), ElementsAre("CURRENT"));
}

TEST(Watch, FollowsOneResource) {
  HF_COVERS("S27");
  TestServer server;
  for (const char* id : {"a", "ab", "b"}) server.given_project(id);
  Stream& stream = server.stream("ProjectService/WatchProject", {{"name", "projects/ab"}});
  SetDisplayName(server, "projects/a", "x");
  SetDisplayName(server, "projects/ab", "y");
  server.env().run_until_idle();
  Watcher watcher;
  watcher.apply_all(stream.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/ab"));
  EXPECT_EQ(watcher.version("projects/ab"), 2);
}

TEST(Watch, OfAResourceThatIsNotThereWaitsForIt) {
  TestServer server;
  server.given_project("a");
  Stream& stream = server.stream("ProjectService/WatchProject", {{"name", "projects/b"}});
  EXPECT_THAT(Phases(stream.recorder), ElementsAre("CURRENT"));
  server.given_project("b");
  server.env().run_until_idle();
  Watcher watcher;
  watcher.apply_all(stream.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/b"));
}

TEST(Watch, KeepsToItsParent) {
  TestServer server;
  for (const char* id : {"p", "q"}) server.given_project(id);
  Stream& one = server.stream("VpcService/WatchVpcs", {{"parent", "projects/p"}});
  Stream& all = server.stream("VpcService/WatchVpcs", {{"parent", "projects/-"}});
  server.given_vpc("p", "v");
  server.given_vpc("q", "v");
  server.env().run_until_idle();
  Watcher of_one;
  of_one.apply_all(one.recorder);
  EXPECT_THAT(of_one.names(), ElementsAre("projects/p/vpcs/v"));
  Watcher of_all;
  of_all.apply_all(all.recorder);
  EXPECT_THAT(of_all.names(), ElementsAre("projects/p/vpcs/v", "projects/q/vpcs/v"));
}

TEST(Watch, WithAFilterTellsWhatLeavesIt) {
  HF_COVERS("S27");
  TestServer server;
  server.given_project("a");
  SetDisplayName(server, "projects/a", "in");
  server.given_project("b");
  Stream& stream =
      server.stream("ProjectService/WatchProjects", {{"filter", "display_name = \"in\""}});
  Watcher watcher;
  watcher.apply_all(stream.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/a"));
  SetDisplayName(server, "projects/b", "in");
  SetDisplayName(server, "projects/a", "out");
  server.env().run_until_idle();
  watcher.apply_all(stream.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/b"));
}

TEST(Watch, SendsWhatTheReadMaskNames) {
  TestServer server;
  server.given_project("a");
  SetDisplayName(server, "projects/a", "x");
  Stream& stream = server.stream("ProjectService/WatchProjects", {{"read_mask", "displayName"}});
  const Json& change = stream.recorder.messages[0].at("changes")[0];
  EXPECT_EQ(change.at("project"), Json({{"display_name", "x"}}));
  EXPECT_EQ(change.at("name"), "projects/a");
  EXPECT_EQ(change.at("resource_version"), "2");
}

TEST(Watch, ResumesWithoutGapOrRepetition) {
  HF_COVERS("S27", "B3");
  TestServer server;
  for (const char* id : {"a", "b"}) server.given_project(id);
  Stream& first = server.stream("ProjectService/WatchProjects", Json::object());
  Watcher watcher;
  watcher.apply_all(first.recorder);
  first.cancelled.set();
  server.env().run_until_idle();
  EXPECT_EQ(ReasonOf(*first.ended), Reason::kCancelled);
  server.must("ProjectService/DeleteProject", {{"name", "projects/a"}});
  server.given_project("c");
  server.env().run_until_idle();
  Stream& second =
      server.stream("ProjectService/WatchProjects", {{"resume_token", watcher.token()}});
  // Only what has changed, then that it is current.
  EXPECT_THAT(Phases(second.recorder), ElementsAre("CHANGES", "CURRENT"));
  EXPECT_EQ(second.recorder.messages[0].at("changes").size(), 2);
  watcher.start_over();
  watcher.apply_all(second.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/b", "projects/c"));
}

TEST(Watch, ResumesInTheMiddleOfTheSnapshot) {
  HF_COVERS("S27");
  TestServer server;
  for (const char* id : {"a", "b", "c", "d"}) server.given_project(id);
  Watcher watcher;
  Stream& first = server.stream("ProjectService/WatchProjects", {{"page_size", 2}});
  watcher.apply(first.recorder.messages[0]);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/a", "projects/b"));
  // One that was sent, one that wasn't, one that comes and goes unseen.
  SetDisplayName(server, "projects/a", "new");
  server.must("ProjectService/DeleteProject", {{"name", "projects/c"}});
  server.given_project("e");
  Stream& second = server.stream("ProjectService/WatchProjects",
                                 {{"page_size", 2}, {"resume_token", watcher.token()}});
  for (const Json& message : second.recorder.messages) watcher.apply(message);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/a", "projects/b", "projects/d", "projects/e"));
  EXPECT_EQ(watcher.version("projects/a"), 2);
  EXPECT_EQ(Phases(second.recorder).back(), "CURRENT");
}

// A watcher that reads slowly while everything changes, killed and resumed at every message: its
// view is the collection in the end, and no version ever goes back (the Watcher checks).
TEST(Watch, IsExactWhateverHappensDuringTheSnapshot) {
  HF_COVERS("S27", "B3");
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    TestServer server({}, seed);
    for (int i = 0; i < 9; ++i) server.given_project(absl::StrCat("p", i));
    Watcher watcher;
    int created = 9;
    for (int round = 0; round < 30; ++round) {
      Json request = {{"page_size", 2}};
      if (!watcher.token().empty()) request["resume_token"] = watcher.token();
      Stream& stream = server.stream("ProjectService/WatchProjects", request);
      stream.recorder.paused = round % 3 == 0;
      const uint64_t dice = server.env().random().next();
      SetDisplayName(server, absl::StrCat("projects/p", 3 + dice % 4), absl::StrCat(round));
      if (round % 4 == 1) server.given_project(absl::StrCat("p", created++));
      if (round == 7) server.must("ProjectService/DeleteProject", {{"name", "projects/p1"}});
      if (round == 9) server.must("ProjectService/DeleteProject", {{"name", "projects/p8"}});
      stream.recorder.resume();
      server.env().run_until_idle();
      watcher.start_over();
      // The connection breaks after some of the messages.
      const size_t taken = round == 29 ? stream.recorder.messages.size()
                                       : dice % (stream.recorder.messages.size() + 1);
      for (size_t i = 0; i < taken; ++i) watcher.apply(stream.recorder.messages[i]);
      stream.cancelled.set();
      server.env().run_until_idle();
    }
    std::vector<std::string> expected;
    const Json all = server.must("ProjectService/ListProjects", {{"page_size", 100}});
    for (const Json& project : all.at("projects")) {
      expected.push_back(project.at("name"));
      EXPECT_EQ(project.at("metadata").at("resource_version"),
                absl::StrCat(watcher.version(expected.back())));
    }
    EXPECT_EQ(watcher.names(), expected) << "seed " << seed;
  }
}

TEST(Watch, OfATokenThatIsTooOldStartsAnewAfterAReset) {
  HF_COVERS("S27");
  // With a ring that remembers nothing, what is purged is gone.
  TestServer server({}, 1, {.ring_rows = 1});
  for (const char* id : {"a", "b"}) server.given_project(id);
  Stream& first = server.stream("ProjectService/WatchProjects", Json::object());
  Watcher watcher;
  watcher.apply_all(first.recorder);
  first.cancelled.set();
  server.must("ProjectService/DeleteProject", {{"name", "projects/a"}});
  SetDisplayName(server, "projects/b", "1");
  SetDisplayName(server, "projects/b", "2");
  server.env().run_until_idle();
  const Timestamp later = server.env().clock().now() + Seconds(1);
  ASSERT_TRUE(server.env().run(server.engine().purge(later, 100)).ok());
  Stream& second =
      server.stream("ProjectService/WatchProjects", {{"resume_token", watcher.token()}});
  EXPECT_THAT(Phases(second.recorder), ElementsAre("RESET", "SNAPSHOT", "CURRENT"));
  watcher.start_over();
  watcher.apply_all(second.recorder);
  EXPECT_THAT(watcher.names(), ElementsAre("projects/b"));
}

TEST(Watch, OfAnotherDatabaseStartsAnewAfterAReset) {
  TestServer server;
  server.given_project("a");
  Stream& first = server.stream("ProjectService/WatchProjects", Json::object());
  const std::string token = first.recorder.messages.back().at("resume_token");
  std::string payload = *OpenToken("secret", "resume", token);
  payload.replace(payload.find("memory"), 6, "backup");
  Stream& second = server.stream("ProjectService/WatchProjects",
                                 {{"resume_token", SealToken("secret", "resume", payload)}});
  EXPECT_THAT(Phases(second.recorder), ElementsAre("RESET", "SNAPSHOT", "CURRENT"));
}

TEST(Watch, TokensAreForOneWatch) {
  TestServer server;
  Stream& first = server.stream("ProjectService/WatchProjects", Json::object());
  const std::string token = first.recorder.messages.back().at("resume_token");
  Stream& second = server.stream("ProjectService/WatchProjects",
                                 {{"resume_token", token}, {"filter", "display_name = \"x\""}});
  EXPECT_EQ(ReasonOf(*second.ended), Reason::kInvalidResumeToken);
}

TEST(Watch, HoldsLittleForASlowReader) {
  TestServer server;
  server.given_project("a");
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  const size_t before = stream.recorder.messages.size();
  stream.recorder.paused = true;
  for (int i = 0; i < 50; ++i) SetDisplayName(server, "projects/a", absl::StrCat(i));
  server.env().run_until_idle();
  // The one that it is taking; the others wait in the database.
  EXPECT_LE(stream.recorder.messages.size(), before + 1);
  stream.recorder.resume();
  server.env().run_until_idle();
  Watcher watcher;
  watcher.apply_all(stream.recorder);
  EXPECT_EQ(watcher.version("projects/a"), 51);
}

TEST(Watch, EndsWhenTheClientIsGone) {
  TestServer server;
  server.given_project("a");
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  stream.recorder.gone = true;
  server.given_project("b");
  server.env().run_until_idle();
  EXPECT_EQ(ReasonOf(stream.ended.value_or(absl::OkStatus())), Reason::kCancelled);
}

TEST(Watch, SendsABookmarkWhenNothingOfItsOwnHappens) {
  TestServer server;
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  server.must("ImageService/CreateImage", {{"image_id", "i"}, {"image", Json::object()}});
  server.env().advance(Seconds(11));
  const Json& last = stream.recorder.messages.back();
  EXPECT_EQ(last.at("phase"), "CHANGES");
  EXPECT_EQ(last.at("bookmark"), true);
  EXPECT_FALSE(last.contains("changes"));
}

TEST(Watch, SplitsSnapshotsThatClientsCouldNotTake) {
  TestServer server;
  const std::string large(1 << 20, 'x');
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    server.must("ProjectService/CreateProject",
                {{"project_id", id}, {"project", {{"display_name", large}}}});
  }
  Stream& stream = server.stream("ProjectService/WatchProjects", Json::object());
  EXPECT_THAT(Phases(stream.recorder), ElementsAre("SNAPSHOT", "SNAPSHOT", "CURRENT"));
  // The first half's token is good for the second half.
  Watcher watcher;
  watcher.apply(stream.recorder.messages[0]);
  Stream& second =
      server.stream("ProjectService/WatchProjects", {{"resume_token", watcher.token()}});
  EXPECT_EQ(second.recorder.messages[0].at("changes").size(), 2);
}

}  // namespace
}  // namespace holdfast::server
