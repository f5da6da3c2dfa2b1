// A bar on standard error for work that takes a while; nothing where that isn't a terminal.
#pragma once

#include <cstddef>
#include <string>

namespace holdfast::cli {

class Progress {
 public:
  Progress(std::string what, size_t all);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(size_t done);

 private:
  void draw() const;

  const std::string what_;
  const size_t all_;
  size_t done_ = 0;
  const bool shown_;
};

}  // namespace holdfast::cli
