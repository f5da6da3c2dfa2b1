#include "holdfast/store/core/answers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/texts.h"

namespace holdfast::store {
std::string PackAnswer(const WriteSet& set) {
  std::string answer;
  for (const Change* change : set.results()) {
    if (change == nullptr || change->after == nullptr) {
      PutText("", answer);
      continue;
    }
    PutText(change->plan->name().str(), answer);
    PutText(Serialize(*change->after), answer);
  }
  return answer;
}

absl::StatusOr<std::vector<SharedMessage>> UnpackAnswer(const Plans& plans,
                                                        std::string_view answer) {
  std::vector<SharedMessage> resources;
  while (!answer.empty()) {
    HF_ASSIGN_OR_RETURN(const std::string_view kind, TakeText(answer));
    if (kind.empty()) {
      resources.emplace_back(nullptr);
      continue;
    }
    HF_ASSIGN_OR_RETURN(const std::string_view body, TakeText(answer));
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
