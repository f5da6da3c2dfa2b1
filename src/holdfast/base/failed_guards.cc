#include "holdfast/base/failed_guards.h"

#include <atomic>
#include <string>

namespace holdfast {
namespace {

std::atomic<FailedGuardListener> listener_of_all = nullptr;

}  // namespace

void NoteFailedGuard(std::string_view guard) {
  const FailedGuardListener listener = listener_of_all.load(std::memory_order_acquire);
  if (listener != nullptr) listener(guard);
}

void NoteFailedGuard(const std::source_location& place) {
  if (listener_of_all.load(std::memory_order_acquire) == nullptr) return;
  std::string_view file = place.file_name();
  const size_t at = file.rfind("src/holdfast/");
  if (at != std::string_view::npos) file.remove_prefix(at);
  NoteFailedGuard(std::string(file) + ":" + std::to_string(place.line()));
}

void ListenToFailedGuards(FailedGuardListener listener) {
  listener_of_all.store(listener, std::memory_order_release);
}

}  // namespace holdfast
