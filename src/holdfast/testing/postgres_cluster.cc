#include "holdfast/testing/postgres_cluster.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::testing {
namespace {

constexpr char kSupervisor[] = HF_SOURCE_DIR "/tools/postgres-cluster";

struct Pipe {
  Pipe() {
    int ends[2];
    HF_CHECK(pipe2(ends, O_CLOEXEC) == 0) << std::strerror(errno);
    read = ends[0];
    write = ends[1];
  }
  int read = -1;
  int write = -1;
};

// Where the child's output goes; -1: where ours goes.
struct Wiring {
  int in = -1;
  int out = -1;
  int err = -1;
};

pid_t Spawn(const std::vector<std::string>& words, const Wiring& wiring) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&actions] { posix_spawn_file_actions_destroy(&actions); };
  if (wiring.in >= 0) posix_spawn_file_actions_adddup2(&actions, wiring.in, STDIN_FILENO);
  if (wiring.out >= 0) posix_spawn_file_actions_adddup2(&actions, wiring.out, STDOUT_FILENO);
  if (wiring.err >= 0) posix_spawn_file_actions_adddup2(&actions, wiring.err, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  HF_CHECK(error == 0) << words[0] << ": " << std::strerror(error);
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) HF_CHECK(errno == EINTR) << std::strerror(errno);
  return status;
}

// The one in PATH is a wrapper that takes longer than what it wraps.
const std::string& Psql() {
  static const std::string path = [] {
    std::string newest;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      newest = std::max(newest, (version.path() / "bin/psql").string());
    }
    return newest;
  }();
  return path;
}

// Where the unprivileged server may look, and short enough for a socket's address.
std::string TemporaryFolder() {
  std::string folder = "/tmp/holdfast-pg-XXXXXX";
  HF_CHECK(mkdtemp(folder.data()) != nullptr) << std::strerror(errno);
  return folder;
}

}  // namespace

std::unique_ptr<PostgresCluster> PostgresCluster::Start(const Options& options) {
  std::unique_ptr<PostgresCluster> cluster(new PostgresCluster());
  cluster->launch(options);
  return cluster;
}

PostgresCluster& PostgresCluster::Shared() {
  static const std::unique_ptr<PostgresCluster> cluster = Start();
  return *cluster;
}

void PostgresCluster::launch(const Options& options) {
  folder_ = TemporaryFolder();
  std::vector<std::string> words = {kSupervisor, folder_, "--tcp", "max_connections=200",
                                    "log_min_messages=fatal"};
  if (options.fsync == Options::Fsync::kOff) {
    words.insert(words.end(), {"fsync=off", "full_page_writes=off"});
  }
  if (!options.standby_of.empty()) {
    words.insert(words.end(), {"--standby-of", options.standby_of});
  }
  words.insert(words.end(), options.settings.begin(), options.settings.end());
  const Pipe in;
  const Pipe out;
  const pid_t pid = Spawn(words, {.in = in.read, .out = out.write});
  close(in.read);
  close(out.write);
  to_ = in.write;
  from_ = out.read;
  WaitFor(pid);  // it goes on in a process that isn't our child
  hear_ready();
}

PostgresCluster::~PostgresCluster() {
  close(to_);  // the supervisor stops the server and removes the folder; then its output ends
  char byte = 0;
  while (read(from_, &byte, 1) > 0) {
  }
  close(from_);
}

void PostgresCluster::tell(std::string_view command) {
  const std::string line = absl::StrCat(ToAbsl(command), "\n");
  HF_CHECK(write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()))
      << std::strerror(errno);
}

std::string PostgresCluster::hear() {
  std::string line;
  for (char byte = 0;; line += byte) {
    HF_CHECK(read(from_, &byte, 1) == 1) << "no PostgreSQL server: see above for why";
    if (byte == '\n') return line;
  }
}

void PostgresCluster::hear_ready() {
  const std::string line = hear();
  const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
  HF_CHECK(words.size() == 4 && words[0] == "ready") << line;
  port_ = std::atoi(words[1].c_str());
  postmaster_ = std::atoi(words[2].c_str());
  sockets_ = words[3];
}

std::string PostgresCluster::dsn(std::string_view database) const {
  return absl::StrCat("host=", sockets_, " port=", port_,
                      " user=postgres dbname=", ToAbsl(database));
}

std::string PostgresCluster::tcp_dsn(std::string_view database) const {
  return absl::StrCat("host=127.0.0.1 port=", port_, " user=postgres dbname=", ToAbsl(database));
}

std::string PostgresCluster::create_database() {
  const std::string name = absl::StrCat("test_", ++databases_);
  const absl::StatusOr<std::string> created = sql(absl::StrCat("CREATE DATABASE ", name));
  HF_CHECK(created.ok()) << created.status().message();
  return dsn(name);
}

absl::StatusOr<std::string> PostgresCluster::sql(std::string_view statements,
                                                 std::string_view database) const {
  const Pipe out;
  const pid_t pid = Spawn({Psql(), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-d",
                           dsn(database), "-c", std::string(statements)},
                          {.out = out.write, .err = out.write});
  close(out.write);
  std::string text;
  char part[4096];
  for (ssize_t bytes = 0; (bytes = read(out.read, part, sizeof(part))) > 0;) {
    text.append(part, static_cast<size_t>(bytes));
  }
  close(out.read);
  const bool good = WaitFor(pid) == 0;
  if (text.ends_with('\n')) text.pop_back();
  if (!good) return absl::UnknownError(text);
  return text;
}

std::vector<pid_t> PostgresCluster::backend_pids(std::string_view database) const {
  const absl::StatusOr<std::string> rows =
      sql(absl::StrCat("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
                       "pid <> pg_backend_pid() AND '",
                       ToAbsl(database), "' IN ('', datname)"));
  HF_CHECK(rows.ok()) << rows.status().message();
  std::vector<pid_t> pids;
  for (const absl::string_view row : absl::StrSplit(*rows, '\n', absl::SkipEmpty())) {
    pids.push_back(std::atoi(std::string(row).c_str()));
  }
  return pids;
}

void PostgresCluster::stop(Stop how) {
  tell(how == Stop::kFast ? "stop INT" : how == Stop::kImmediate ? "stop QUIT" : "stop KILL");
  const std::string answer = hear();
  HF_CHECK(answer == "stopped") << answer;
}

void PostgresCluster::start() {
  tell("start");
  hear_ready();
}

void PostgresCluster::promote() {
  const absl::StatusOr<std::string> promoted = sql("SELECT pg_promote()");
  HF_CHECK(promoted.ok() && *promoted == "t") << promoted.status().message();
}

}  // namespace holdfast::testing
