#include "holdfast/store/core/answers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/store/core/codec.h"

namespace holdfast::store {
namespace {

// Texts behind each other, each with its length as eight bytes, low first, before it.
void Put(std::string_view text, std::string& out) {
  uint64_t size = text.size();
  for (int i = 0; i < 8; ++i, size >>= 8) out.push_back(static_cast<char>(size & 0xff));
  out.append(text);
}

absl::StatusOr<std::string_view> Take(std::string_view& in) {
  uint64_t size = 0;
  bool whole = in.size() >= 8;
  for (size_t i = 0; whole && i < 8; ++i) {
    size |= static_cast<uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  whole = whole && size <= in.size() - 8;
  if (!whole) return MakeError(Reason::kInternal, "a kept answer can't be read");
  const std::string_view text = in.substr(8, size);
  in.remove_prefix(8 + size);
  return text;
}

}  // namespace

std::string PackAnswer(const WriteSet& set) {
  std::string answer;
  for (const Change* change : set.results()) {
    if (change == nullptr || change->after == nullptr) {
      Put("", answer);
      continue;
    }
    Put(change->plan->name().str(), answer);
    Put(Serialize(*change->after), answer);
  }
  return answer;
}

absl::StatusOr<std::vector<SharedMessage>> UnpackAnswer(const Plans& plans,
                                                        std::string_view answer) {
  std::vector<SharedMessage> resources;
  while (!answer.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string_view kind, Take(answer));
    if (kind.empty()) {
      resources.emplace_back(nullptr);
      continue;
    }
    HF_ASSIGN_OR_RETURN(const std::string_view body, Take(answer));
    const KindPlan* plan = plans.find(KindName(kind));
    if (plan == nullptr) {
      return MakeError(Reason::kInternal,
                       absl::StrCat("a kept answer is of the unknown kind ", ToAbsl(kind)));
    }
    MessagePtr resource = plans.schema().new_message(plan->kind->message);
    if (!resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return MakeError(Reason::kInternal, "a kept answer can't be read");
    }
    resources.emplace_back(std::move(resource));
  }
  return resources;
}

}  // namespace holdfast::store
