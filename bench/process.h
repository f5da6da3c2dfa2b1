// Programs that a benchmark starts, and what the kernel says of processes.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace holdfast::bench {

// A child whose standard output is read here; it ends with this object.
class Process {
 public:
  // `log`: a file for its standard error; empty: ours.
  Process(const std::vector<std::string>& words, const std::string& log);
  ~Process();  // SIGTERM, and waits
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string read_line();  // empty: it said all
  // The rest of what it says, and waits for its end, which must be a good one.
  [[nodiscard]] std::string finish();

 private:
  pid_t pid_ = 0;
  FILE* output_ = nullptr;
};

// A program of this build, beside the one that runs.
[[nodiscard]] std::string ProgramPath(const std::string& name);

// CPU time used so far, in seconds.
[[nodiscard]] double CpuSeconds(pid_t pid);
// By the name of the threads that live.
[[nodiscard]] std::map<std::string, double> CpuByThread(pid_t pid);
// Of a PostgreSQL server: "backends" and "others" (log writer, checkpointer, …).
[[nodiscard]] std::map<std::string, double> CpuOfServer(pid_t postmaster);
// Busy time of all processors.
[[nodiscard]] double CpuOfMachine();

[[nodiscard]] double RssMegabytes(pid_t pid);

}  // namespace holdfast::bench
