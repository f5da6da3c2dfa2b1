#include "holdfast/env/env.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <exception>
#include <utility>

#include "holdfast/base/check.h"

namespace holdfast {
namespace {

void AbortOnException(const std::exception_ptr& failure) {
  if (failure == nullptr) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    HF_CHECK(false) << "an exception out of a spawned task: " << e.what();
  } catch (...) {
    HF_CHECK(false) << "an exception out of a spawned task";
  }
}

// 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4).
std::string UuidText(uint64_t high, uint64_t low) {
  char text[37];
  std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16 & 0xFFFF),
                static_cast<unsigned>(high & 0xFFFF), static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFF));
  return text;
}

}  // namespace

void Spawn(Env& env, Task<void> task) {
  boost::asio::co_spawn(env.executor(), std::move(task),
                        [](const std::exception_ptr& failure) { AbortOnException(failure); });
}

void Post(Env& env, std::function<void()> f) { boost::asio::post(env.executor(), std::move(f)); }

// 48 bits of milliseconds, version 7, the microseconds in 12 bits (RFC 9562, section 6.2, method 3:
// uids of one node sort by time within a millisecond too), variant 10, 62 random bits.
Uid NewUid(Env& env) {
  const auto micros = static_cast<uint64_t>(env.clock().now().value());
  const uint64_t random = env.random().next();
  const uint64_t millis = micros / 1000 & 0xFFFF'FFFF'FFFF;
  const uint64_t fraction = micros % 1000 * 4096 / 1000;
  const uint64_t high = millis << 16 | 0x7000 | fraction;
  const uint64_t low = 0x8000'0000'0000'0000 | random >> 2;
  return Uid(UuidText(high, low));
}

}  // namespace holdfast
