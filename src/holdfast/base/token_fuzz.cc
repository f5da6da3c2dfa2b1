// Whatever a client sends as a token: no crash, and nothing opens that wasn't sealed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/check.h"
#include "holdfast/base/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kKey = "the fuzzer doesn't know this";
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto opened = holdfast::OpenToken(kKey, "page", input);
  HF_CHECK(!opened.ok() || holdfast::SealToken(kKey, "page", *opened) == input) << "forged";
  const std::string sealed = holdfast::SealToken(kKey, "page", input);
  if (sealed.size() <= holdfast::kMaxTokenBytes) {
    const auto back = holdfast::OpenToken(kKey, "page", sealed);
    HF_CHECK(back.ok() && *back == input) << "our own token doesn't open";
  }
  return 0;
}
