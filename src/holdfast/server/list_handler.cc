// List (AIP-132, AIP-158, AIP-160). Paging is by key: each page is one snapshot, no older than the
// one before.
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/position.h"
#include "holdfast/server/request.h"
#include "holdfast/server/response.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;

class ListHandler final : public Handler {
 public:
  ListHandler(Host host, const schema::Method& method)
      : host_(host),
        method_(method),
        kind_(*method.kind),
        fields_(method.request, method.kind),
        resources_(method.response->FindFieldByName(kind_.plural)),
        next_page_token_(method.response->FindFieldByName("next_page_token")),
        revision_(method.response->FindFieldByName("revision")) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr request) override {
    const std::string hash =
        HashRequest(method_.full_name, *request, {fields_.page_token, fields_.page_size});
    Revision at_least;
    HF_CO_ASSIGN_OR_RETURN(store::ListQuery query, read_query(*request, hash, at_least));
    HF_CO_ASSIGN_OR_RETURN(const filter::FieldMask mask,
                           ReadMask(*request, fields_.read_mask, kind_.message, "read_mask"));
    query.form = store::Form::kSerialized;
    absl::StatusOr<store::ListPage> page = co_await host_.deployment.store->list(std::move(query));
    if (!page.ok()) co_return page.status();
    if (page->revision < at_least) {
      co_return MakeError(Reason::kDatabaseUnavailable,
                          "this node's view is older than the page before; try again");
    }
    co_return respond(*std::move(page), mask, hash);
  }

 private:
  absl::StatusOr<store::ListQuery> read_query(const pb::Message& request, const std::string& hash,
                                              Revision& at_least) const {
    store::ListQuery query;
    query.kind = &kind_;
    query.parent = Text(request, fields_.parent);
    HF_RETURN_IF_ERROR(FindCollection(kind_, query.parent, "parent", Wildcards::kAllowed).status());
    HF_ASSIGN_OR_RETURN(query.page_size,
                        ReadPageSize(request, fields_.page_size, kDefaultPageSize));
    HF_ASSIGN_OR_RETURN(query.filter,
                        filter::Filter::Parse(Text(request, fields_.filter), kind_.message));
    HF_ASSIGN_OR_RETURN(query.order,
                        filter::OrderBy::Parse(Text(request, fields_.order_by), kind_.message));
    if (IsSet(request, fields_.show_deleted)) query.show_deleted = store::ShowDeleted::kYes;
    const std::string token = Text(request, fields_.page_token);
    if (token.empty()) return query;
    HF_ASSIGN_OR_RETURN(PagePosition position, OpenPage(host_.deployment, hash, 2, token));
    at_least = position.revision;
    query.after = store::PageStart{std::move(position.parts[0]), ResourceName(position.parts[1])};
    return query;
  }

  absl::StatusOr<Response> respond(store::ListPage page, const filter::FieldMask& mask,
                                   const std::string& hash) const {
    Response response(host_.new_message(method_.response));
    size_t bytes = 0;
    for (size_t i = 0; i < page.serialized.size(); ++i) {
      store::SerializedResource& resource = page.serialized[i];
      HF_RETURN_IF_ERROR(AddSerialized(response, resources_, resource.bytes, mask));
      bytes += resource.bytes.size();
      if (bytes >= kMaxResponseBytes && i + 1 < page.serialized.size()) {
        page.next = std::move(resource.place);
        break;
      }
    }
    SetRevision(*response.message, revision_, page.revision);
    if (page.next.has_value()) {
      HF_ASSIGN_OR_RETURN(std::string token,
                          SealPage(host_.deployment, hash,
                                   {page.revision, {page.next->sort_key, page.next->name.str()}}));
      response.message->GetReflection()->SetString(response.message.get(), next_page_token_,
                                                   std::move(token));
    }
    return response;
  }

  Host host_;
  const schema::Method& method_;
  const schema::Kind& kind_;
  RequestFields fields_;
  const pb::FieldDescriptor* resources_;
  const pb::FieldDescriptor* next_page_token_;
  const pb::FieldDescriptor* revision_;
};

}  // namespace

std::unique_ptr<Handler> MakeListHandler(Host host, const schema::Method& method) {
  return std::make_unique<ListHandler>(host, method);
}

}  // namespace holdfast::server
