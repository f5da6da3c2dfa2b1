// Get and BatchGet (AIP-131, AIP-231).
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/request.h"
#include "holdfast/server/response.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

class GetHandler final : public Handler {
 public:
  GetHandler(Host host, const schema::Method& method)
      : host_(host), kind_(*method.kind), fields_(method.request, method.kind) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr request) override {
    HF_CO_ASSIGN_OR_RETURN(ResourceName name,
                           ReadName(kind_, Text(*request, fields_.name), "name"));
    HF_CO_ASSIGN_OR_RETURN(const filter::FieldMask mask,
                           ReadMask(*request, fields_.read_mask, kind_.message, "read_mask"));
    std::vector<ResourceName> names;
    names.push_back(std::move(name));
    absl::StatusOr<store::ReadResult> read =
        co_await host_.deployment.store->get(kind_, std::move(names));
    if (!read.ok()) co_return read.status();
    MessagePtr response = host_.new_message(kind_.message);
    response->CopyFrom(*read->resources.at(0));
    mask.keep(*response);
    co_return response;
  }

 private:
  Host host_;
  const schema::Kind& kind_;
  RequestFields fields_;
};

class BatchGetHandler final : public Handler {
 public:
  BatchGetHandler(Host host, const schema::Method& method)
      : host_(host),
        kind_(*method.kind),
        response_(method.response),
        fields_(method.request, method.kind),
        resources_(method.response->FindFieldByName(kind_.plural)),
        revision_(method.response->FindFieldByName("revision")) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr request) override {
    HF_CO_ASSIGN_OR_RETURN(std::vector<ResourceName> names, read_names(*request));
    HF_CO_ASSIGN_OR_RETURN(const filter::FieldMask mask,
                           ReadMask(*request, fields_.read_mask, kind_.message, "read_mask"));
    absl::StatusOr<store::ReadResult> read =
        co_await host_.deployment.store->get(kind_, std::move(names));
    if (!read.ok()) co_return read.status();
    MessagePtr response = host_.new_message(response_);
    for (store::SharedMessage& resource : read->resources) {
      AddResource(*response, resources_, std::move(resource), mask);
    }
    SetRevision(*response, revision_, read->revision);
    co_return response;
  }

 private:
  absl::StatusOr<std::vector<ResourceName>> read_names(const pb::Message& request) const {
    const pb::Reflection& reflection = *request.GetReflection();
    const std::string parent = Text(request, fields_.parent);
    if (!parent.empty()) {
      HF_RETURN_IF_ERROR(FindCollection(kind_, parent, "parent", Wildcards::kAllowed).status());
    }
    const int count = reflection.FieldSize(request, fields_.names);
    if (count == 0) return FieldError(Reason::kInvalidField, "names", "is required");
    if (count > static_cast<int>(kMaxBatchGet)) {
      return FieldError(
          Reason::kInvalidField, "names",
          absl::StrCat("has ", count, " names; at most ", kMaxBatchGet, " are allowed"));
    }
    std::vector<ResourceName> names;
    std::set<ResourceName> seen;
    for (int i = 0; i < count; ++i) {
      const std::string path = absl::StrCat("names[", i, "]");
      HF_ASSIGN_OR_RETURN(
          ResourceName name,
          ReadName(kind_, reflection.GetRepeatedString(request, fields_.names, i), path));
      if (!parent.empty() && !schema::NamePattern::IsBelow(name.str(), parent)) {
        return FieldError(Reason::kInvalidName, path, "isn't below the request's parent");
      }
      if (!seen.insert(name).second) {
        return FieldError(Reason::kInvalidName, path, "is there twice");
      }
      names.push_back(std::move(name));
    }
    return names;
  }

  Host host_;
  const schema::Kind& kind_;
  const pb::Descriptor* response_;
  RequestFields fields_;
  const pb::FieldDescriptor* resources_;
  const pb::FieldDescriptor* revision_;
};

}  // namespace

std::unique_ptr<Handler> MakeGetHandler(Host host, const schema::Method& method) {
  return std::make_unique<GetHandler>(host, method);
}

std::unique_ptr<Handler> MakeBatchGetHandler(Host host, const schema::Method& method) {
  return std::make_unique<BatchGetHandler>(host, method);
}

}  // namespace holdfast::server
