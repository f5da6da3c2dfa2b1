#include "sim/clients/client.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/meta.pb.h"

namespace holdfast::sim {
namespace {

namespace pb = google::protobuf;

constexpr Duration kTimeout = Seconds(5);
constexpr Duration kLeastPause = Milliseconds(10);
constexpr Duration kMostPause = Milliseconds(500);

Answer::Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return Answer::Outcome::kDone;
  const std::optional<Reason> reason = ReasonOf(status);
  // From the network, which knows nothing.
  if (!reason.has_value()) return Answer::Outcome::kUnknown;
  switch (*reason) {
    case Reason::kCommitUnknown:
    case Reason::kDeadlineExceeded:
    case Reason::kCancelled:
    case Reason::kInternal:
      return Answer::Outcome::kUnknown;
    default:
      return Answer::Outcome::kRefused;
  }
}

}  // namespace

bool IsWorthRepeating(const absl::Status& status) {
  if (status.ok()) return false;
  const std::optional<Reason> reason = ReasonOf(status);
  return !reason.has_value() || IsRetryable(*reason) ||
         OutcomeOf(status) == Answer::Outcome::kUnknown;
}

std::string TextOf(const absl::Status& status) {
  if (status.ok()) return "OK";
  const std::optional<Reason> reason = ReasonOf(status);
  return reason.has_value() ? std::string(ReasonText(*reason))
                            : std::string(absl::StatusCodeToString(status.code()));
}

namespace {

// The message that has the last field of the path, and that field.
std::pair<pb::Message*, const pb::FieldDescriptor*> Resolve(pb::Message& message,
                                                            const std::string& path) {
  pb::Message* at = &message;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0;; ++i) {
    const pb::FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(names[i]);
    HF_CHECK(field != nullptr) << at->GetDescriptor()->full_name() << " has no " << path;
    if (i + 1 == names.size()) return {at, field};
    at = at->GetReflection()->MutableMessage(at, field);
  }
}

}  // namespace

void Set(pb::Message& message, const std::string& path, const std::string& value) {
  const auto [at, field] = Resolve(message, path);
  if (field->is_repeated()) {
    at->GetReflection()->AddString(at, field, value);
  } else {
    at->GetReflection()->SetString(at, field, value);
  }
}

void Set(pb::Message& message, const std::string& path, int64_t value) {
  const auto [at, field] = Resolve(message, path);
  switch (field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      at->GetReflection()->SetBool(at, field, value != 0);
      break;
    case pb::FieldDescriptor::CPPTYPE_INT32:
      at->GetReflection()->SetInt32(at, field, static_cast<int32_t>(value));
      break;
    default:
      at->GetReflection()->SetInt64(at, field, value);
  }
}

pb::Message& Sub(pb::Message& message, const std::string& path) {
  const auto [at, field] = Resolve(message, path);
  if (field->is_repeated()) return *at->GetReflection()->AddMessage(at, field);
  return *at->GetReflection()->MutableMessage(at, field);
}

std::string Get(const pb::Message& message, const std::string& path) {
  const pb::Message* at = &message;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0;; ++i) {
    const pb::FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(names[i]);
    HF_CHECK(field != nullptr) << at->GetDescriptor()->full_name() << " has no " << path;
    if (i + 1 == names.size()) return at->GetReflection()->GetString(*at, field);
    at = &at->GetReflection()->GetMessage(*at, field);
  }
}

ResourceFacts FactsOf(const pb::Message& resource) {
  ResourceFacts facts;
  facts.name = Get(resource, "name");
  facts.uid = Uid(Get(resource, "metadata.uid"));
  facts.version = Version(std::atoll(Get(resource, "metadata.resource_version").c_str()));
  facts.etag = Get(resource, "metadata.etag");
  facts.marker = MarkerOf(resource);
  return facts;
}

Address Client::any_node() {
  const auto& nodes = cluster_.nodes();
  return nodes[world().below(nodes.size())]->address();
}

Task<Answer> Client::call(const schema::Method& method, const pb::Message& request,
                          Repeatable repeatable) {
  Answer answer;
  answer.invoked = world().next_event();
  cluster_.count_operation();
  const Address node = any_node();
  absl::StatusOr<std::string> bytes =
      co_await cluster_.network().call(world().env(), name_, node, method.full_name,
                                       request.SerializeAsString(), kTimeout, repeatable);
  answer.returned = world().next_event();
  answer.status = bytes.status();
  answer.outcome = OutcomeOf(answer.status);
  if (ReasonOf(answer.status) == Reason::kInternal) {
    world().violated("INTERNAL", absl::StrCat(method.full_name, ": ", answer.status.message()));
  }
  if (bytes.ok()) {
    answer.message = cluster_.service().schema->new_message(method.response);
    HF_CHECK(answer.message->ParseFromString(*bytes)) << method.full_name;
  }
  world().note(name_, absl::StrCat(method.full_name, " at ", node, ": ", TextOf(answer.status)));
  co_return answer;
}

Task<Answer> Client::insist(const schema::Method& method, const pb::Message& request,
                            int attempts) {
  Answer answer;
  int64_t first = 0;
  bool unsure = false;
  for (int i = 0; i < attempts; ++i) {
    answer = co_await call(method, request, Repeatable::kYes);
    if (i == 0) first = answer.invoked;
    unsure = unsure || answer.outcome == Answer::Outcome::kUnknown;
    if (!IsWorthRepeating(answer.status)) break;
    const Duration pause = world().between(kLeastPause, kMostPause);
    co_await world().env().sleep(pause);
  }
  answer.invoked = first;
  if (!answer.done() && unsure) answer.outcome = Answer::Outcome::kUnknown;
  co_return answer;
}

std::unique_ptr<IncomingStream> Client::open(const schema::Method& method,
                                             const pb::Message& request) {
  cluster_.count_operation();
  const Address node = any_node();
  world().note(name_, absl::StrCat(method.full_name, " at ", node, ": begins"));
  return cluster_.network().open(name_, node, method.full_name, request.SerializeAsString());
}

}  // namespace holdfast::sim
