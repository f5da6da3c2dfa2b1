#include "bench/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// utime and stime of a `stat` file in /proc: fields 14 and 15, behind the name in parentheses.
double CpuOf(const std::string& stat_path) {
  const std::string text = ReadFile(stat_path);
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(text.substr(end + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string OneLine(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const std::string& log) {
  int ends[2];
  HF_CHECK(pipe2(ends, O_CLOEXEC) == 0) << std::strerror(errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (!log.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
  }
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  HF_CHECK(error == 0) << words[0] << ": " << std::strerror(error);
  close(ends[1]);
  output_ = fdopen(ends[0], "r");
}

Process::~Process() {
  if (pid_ != 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  fclose(output_);
}

std::string Process::read_line() {
  std::string line;
  for (int c = 0; (c = fgetc(output_)) != EOF && c != '\n';) line += static_cast<char>(c);
  return line;
}

std::string Process::finish() {
  std::string text;
  for (int c = 0; (c = fgetc(output_)) != EOF;) text += static_cast<char>(c);
  int status = 0;
  HF_CHECK(waitpid(pid_, &status, 0) == pid_);
  HF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a program failed: " << text;
  pid_ = 0;
  return text;
}

std::string ProgramPath(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

double CpuSeconds(pid_t pid) { return CpuOf(absl::StrCat("/proc/", pid, "/stat")); }

std::map<std::string, double> CpuByThread(pid_t pid) {
  std::map<std::string, double> by_name;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    by_name[OneLine(ReadFile(task.path() / "comm"))] += CpuOf(task.path() / "stat");
  }
  return by_name;
}

std::map<std::string, double> CpuOfServer(pid_t postmaster) {
  std::map<std::string, double> by_kind = {{"backends", 0}, {"others", 0}};
  std::istringstream children(
      ReadFile(absl::StrCat("/proc/", postmaster, "/task/", postmaster, "/children")));
  for (pid_t pid = 0; children >> pid;) {
    // A backend's title ends with what it does; those of the server itself are one word or two.
    const std::string title = ReadFile(absl::StrCat("/proc/", pid, "/cmdline"));
    const bool backend =
        title.find("[local]") != std::string::npos || title.find("127.0.0.1(") != std::string::npos;
    by_kind[backend ? "backends" : "others"] += CpuSeconds(pid);
  }
  return by_kind;
}

double CpuOfMachine() {
  std::istringstream fields(ReadFile("/proc/stat"));
  std::string cpu;
  double user = 0;
  double nice = 0;
  double system = 0;
  double idle = 0;
  double wait = 0;
  double irq = 0;
  double softirq = 0;
  fields >> cpu >> user >> nice >> system >> idle >> wait >> irq >> softirq;
  return (user + nice + system + irq + softirq) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double RssMegabytes(pid_t pid) {
  std::istringstream text(ReadFile(absl::StrCat("/proc/", pid, "/status")));
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace holdfast::bench
