#include "sim/env/trace.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/hash.h"

namespace holdfast::sim {
namespace {

bool IsNear(const std::string& a, const std::string& b) {
  return a == b || absl::StartsWith(a, b + "/") || absl::StartsWith(b, a + "/");
}

bool IsAbout(const TraceEvent& event, const std::vector<ResourceKey>& keys) {
  if (event.keys.empty() || keys.empty()) return true;
  return std::any_of(event.keys.begin(), event.keys.end(), [&](const ResourceKey& key) {
    return std::any_of(keys.begin(), keys.end(), [&](const ResourceKey& wanted) {
      return IsNear(key.name.str(), wanted.name.str());
    });
  });
}

}  // namespace

std::string TraceEvent::str() const {
  char time[32];
  std::snprintf(time, sizeof(time), "%12.6f", static_cast<double>(at.value()) / 1e6);
  std::string text = absl::StrCat(time, "  ", who, "  ", what);
  for (const ResourceKey& key : keys) absl::StrAppend(&text, " ", key.name.str());
  return text;
}

void Trace::add(TraceEvent event) {
  constexpr uint64_t kFnvPrime = 0x100'0000'01B3;
  hash_ = hash_ * kFnvPrime + Fnv1a64(event.what) + static_cast<uint64_t>(event.at.value());
  if (listener_) listener_(event);
  events_.push_back(std::move(event));
  if (events_.size() > kKept) events_.pop_front();
}

std::vector<std::string> Trace::about(const std::vector<ResourceKey>& keys, size_t at_most) const {
  std::vector<std::string> lines;
  for (auto event = events_.rbegin(); event != events_.rend() && lines.size() < at_most; ++event) {
    if (IsAbout(*event, keys)) lines.push_back(event->str());
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace holdfast::sim
