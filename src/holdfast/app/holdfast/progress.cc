#include "holdfast/app/holdfast/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

namespace holdfast::cli {
namespace {

constexpr size_t kWidth = 40;
// Less is done before anyone looks.
constexpr size_t kWorthABar = 1000;

}  // namespace

Progress::Progress(std::string what, size_t all)
    : what_(std::move(what)), all_(all), shown_(all >= kWorthABar && isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (shown_) std::cerr << "\n";
}

void Progress::add(size_t done) {
  done_ += done;
  if (shown_) draw();
}

void Progress::draw() const {
  const size_t filled = all_ == 0 ? kWidth : std::min(kWidth, done_ * kWidth / all_);
  std::cerr << "\r" << what_ << " [" << std::string(filled, '#')
            << std::string(kWidth - filled, '.') << "] " << done_ << " of " << all_ << std::flush;
}

}  // namespace holdfast::cli
