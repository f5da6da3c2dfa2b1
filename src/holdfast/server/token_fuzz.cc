// Page and resume tokens: as a client sends them, and (so that the fuzzer gets past the seal) with
// any payload sealed.
#include <cstdint>
#include <string>

#include "holdfast/base/check.h"
#include "holdfast/base/token.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/server/position.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace {

using holdfast::server::Deployment;

void Open(const Deployment& deployment, const std::string& token, size_t parts) {
  constexpr char kHash[] = "hash";
  const auto page = holdfast::server::OpenPage(deployment, kHash, parts, token);
  if (page.ok()) {
    HF_CHECK(page->parts.size() == parts);
    // What was opened seals to the same again.
    HF_CHECK(holdfast::server::SealPage(deployment, kHash, *page).ok());
  }
  const auto watch = holdfast::server::OpenWatch(deployment, kHash, token);
  if (watch.ok()) {
    const std::string again = holdfast::server::SealWatch(deployment, kHash, *watch);
    HF_CHECK(holdfast::server::OpenWatch(deployment, kHash, again).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static holdfast::ManualEnv env;
  static const auto engine = holdfast::storage::NewMemoryEngine(env);
  Deployment deployment;
  deployment.engine = engine.get();
  deployment.token_key = "key";
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t parts = size % 4;
  Open(deployment, input, parts);
  Open(deployment, holdfast::SealToken("key", "page", input), parts);
  Open(deployment, holdfast::SealToken("key", "resume", input), parts);
  return 0;
}
