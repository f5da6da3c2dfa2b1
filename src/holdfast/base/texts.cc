#include "holdfast/base/texts.h"

#include "holdfast/base/error.h"

namespace holdfast {

void PutText(std::string_view text, std::string& out) {
  uint64_t size = text.size();
  for (int i = 0; i < 8; ++i, size >>= 8) out.push_back(static_cast<char>(size & 0xff));
  out.append(text);
}

absl::StatusOr<std::string_view> TakeText(std::string_view& in) {
  uint64_t size = 0;
  bool whole = in.size() >= 8;
  for (size_t i = 0; whole && i < 8; ++i) {
    size |= static_cast<uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  whole = whole && size <= in.size() - 8;
  if (!whole) return MakeError(Reason::kInternal, "a stored record is cut short");
  const std::string_view text = in.substr(8, size);
  in.remove_prefix(8 + size);
  return text;
}

}  // namespace holdfast
