#include "holdfast/base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <limits>

#include "holdfast/base/check.h"

namespace holdfast {
namespace {

const unsigned char* Bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

std::string Text(const unsigned char* bytes, size_t size) {
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

}  // namespace

uint64_t Fnv1a64(std::string_view data) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : data) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

std::string HmacSha256(std::string_view key, std::string_view data) {
  HF_CHECK(key.size() <= static_cast<size_t>(std::numeric_limits<int>::max())) << "key too long";
  unsigned char out[SHA256_DIGEST_LENGTH];
  unsigned int size = 0;
  const unsigned char* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                   Bytes(data), data.size(), out, &size);
  HF_CHECK(made != nullptr && size == sizeof(out)) << "libcrypto has no HMAC-SHA256";
  return Text(out, sizeof(out));
}

std::string Sha256(std::string_view data) {
  unsigned char out[SHA256_DIGEST_LENGTH];
  HF_CHECK(SHA256(Bytes(data), data.size(), out) != nullptr) << "libcrypto has no SHA-256";
  return Text(out, sizeof(out));
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace holdfast
