// The schema mixin: one gRPC service, blended into every deployment of the process. A request says
// which service it means. Shadows are the rows of the host's own store: there is nothing else that
// could differ from them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/mixin/v1/shadow.pb.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/position.h"
#include "holdfast/server/request.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;
namespace mixin = holdfast::mixin::v1;

constexpr std::string_view kPrefix = "resourceShadows/";
// Shadows have no bodies, but each costs a look at who refers to it.
constexpr size_t kDefaultShadowPage = 50;
constexpr size_t kMaxShadowPage = 200;

mixin::ResourceShadow::State ToProto(storage::RowState state) {
  switch (state) {
    case storage::RowState::kActive:
      return mixin::ResourceShadow::ACTIVE;
    case storage::RowState::kClosing:
      return mixin::ResourceShadow::CLOSING;
    case storage::RowState::kDeleting:
      return mixin::ResourceShadow::DELETING;
    case storage::RowState::kGone:
      return mixin::ResourceShadow::GONE;
  }
  return mixin::ResourceShadow::STATE_UNSPECIFIED;
}

void FillPending(uint32_t pending, mixin::ResourceShadow& out) {
  const std::pair<uint32_t, const char*> names[] = {
      {storage::kPendingExpand, "EXPAND"}, {storage::kPendingUnset, "UNSET"},
      {storage::kPendingRemove, "REMOVE"}, {storage::kPendingConfirm, "CONFIRM"},
      {storage::kPendingOwners, "OWNERS"},
  };
  for (const auto& [bit, name] : names) {
    if ((pending & bit) != 0) out.add_pending(name);
  }
}

void Fill(const store::Shadow& shadow, mixin::ResourceShadow& out) {
  const storage::Row& row = shadow.row;
  out.set_name(absl::StrCat(ToAbsl(kPrefix), row.key.name.str()));
  out.set_kind(row.key.kind.str());
  out.set_uid(row.uid.str());
  out.set_stamp(row.stamp);
  out.set_resource_version(absl::StrCat(row.version.value()));
  out.set_state(ToProto(row.state));
  FillPending(row.pending, out);
  if (row.delete_time.value() != 0) {
    constexpr int64_t kMicros = 1'000'000;
    out.mutable_delete_time()->set_seconds(row.delete_time.value() / kMicros);
    out.mutable_delete_time()->set_nanos(
        static_cast<int32_t>(row.delete_time.value() % kMicros * 1000));
  }
  for (const storage::Edge& edge : shadow.references) {
    mixin::ResourceShadow::Reference& reference = *out.add_references();
    reference.set_kind(edge.target.kind.str());
    reference.set_name(edge.target.name.str());
    reference.set_field(edge.field);
    reference.set_on_delete(static_cast<TargetDeletion>(edge.behavior));
  }
  out.set_revision(absl::StrCat(row.revision.value()));
}

// What the three methods share.
class MixinHandler : public Handler {
 public:
  explicit MixinHandler(std::vector<Host> hosts) : hosts_(std::move(hosts)) {}

 protected:
  // The deployment that a request means.
  template <class Request>
  absl::StatusOr<const Host*> find_host(const Request& request) const {
    for (const Host& host : hosts_) {
      const schema::Service& service = *host.deployment.service;
      if (service.domain.str() != request.service()) continue;
      if (request.version().empty() || service.version.str() == request.version()) return &host;
      return FieldError(Reason::kInvalidField, "version",
                        absl::StrCat("isn't served; it is ", service.version.str()));
    }
    if (request.service().empty() && hosts_.size() == 1) return &hosts_.front();
    std::vector<std::string> served;
    for (const Host& host : hosts_) served.push_back(host.deployment.service->domain.str());
    return FieldError(Reason::kInvalidField, "service",
                      absl::StrCat("must be one of ", absl::StrJoin(served, ", ")));
  }

  // Which deployments hold references to it. One database: it is the own one or none.
  static Task<absl::Status> add_sources(const Host& host, ResourceKey key,
                                        mixin::ResourceShadow& out) {
    const absl::StatusOr<store::ReferrersPage> referrers =
        co_await host.deployment.store->referrers(std::move(key), std::nullopt, 1);
    // Of what is gone there are none.
    if (!referrers.ok()) {
      const bool gone = ReasonOf(referrers.status()) == Reason::kResourceNotFound;
      co_return gone ? absl::OkStatus() : referrers.status();
    }
    if (referrers->total > 0) {
      const Deployment& deployment = host.deployment;
      out.add_back_reference_sources(
          absl::StrCat(deployment.service->domain.str(), "/", deployment.region.str()));
    }
    co_return absl::OkStatus();
  }

 private:
  std::vector<Host> hosts_;
};

class GetShadowHandler final : public MixinHandler {
 public:
  using MixinHandler::MixinHandler;

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr message) override {
    const auto& request = static_cast<const mixin::GetResourceShadowRequest&>(*message);
    HF_CO_ASSIGN_OR_RETURN(const Host* host, find_host(request));
    if (!request.name().starts_with(kPrefix)) {
      co_return FieldError(Reason::kInvalidName, "name",
                           "must be like \"resourceShadows/\" and the resource's name");
    }
    HF_CO_ASSIGN_OR_RETURN(const ResourceKey key,
                           ReadKey(*host->deployment.schema, *host->deployment.service,
                                   request.name().substr(kPrefix.size()), "name"));
    const absl::StatusOr<store::Shadow> shadow = co_await host->deployment.store->shadow(key);
    if (!shadow.ok()) co_return shadow.status();
    auto response = std::make_unique<mixin::ResourceShadow>();
    Fill(*shadow, *response);
    HF_CO_RETURN_IF_ERROR(co_await add_sources(*host, key, *response));
    co_return response;
  }
};

class ListShadowsHandler final : public MixinHandler {
 public:
  using MixinHandler::MixinHandler;

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr message) override {
    const auto& request = static_cast<const mixin::ListResourceShadowsRequest&>(*message);
    HF_CO_ASSIGN_OR_RETURN(const Host* host, find_host(request));
    HF_CO_ASSIGN_OR_RETURN(const std::optional<KindName> kind, read_kind(*host, request.kind()));
    const RequestFields fields(request.GetDescriptor(), nullptr);
    HF_CO_ASSIGN_OR_RETURN(const size_t size,
                           ReadPageSize(request, fields.page_size, kDefaultShadowPage));
    const std::string hash = HashRequest(request.GetDescriptor()->full_name(), request,
                                         {fields.page_token, fields.page_size});
    std::optional<ResourceKey> after;
    if (!request.page_token().empty()) {
      HF_CO_ASSIGN_OR_RETURN(const PagePosition position,
                             OpenPage(host->deployment, hash, 2, request.page_token()));
      after = ResourceKey{KindName(position.parts[0]), ResourceName(position.parts[1])};
    }
    const auto deleted =
        request.show_deleted() ? store::ShowDeleted::kYes : store::ShowDeleted::kNo;
    const absl::StatusOr<store::ShadowPage> page = co_await host->deployment.store->shadows(
        kind, after, std::min(size, kMaxShadowPage), deleted);
    if (!page.ok()) co_return page.status();
    auto response = std::make_unique<mixin::ListResourceShadowsResponse>();
    for (const store::Shadow& shadow : page->shadows) {
      mixin::ResourceShadow& out = *response->add_resource_shadows();
      Fill(shadow, out);
      HF_CO_RETURN_IF_ERROR(co_await add_sources(*host, shadow.row.key, out));
    }
    response->set_revision(absl::StrCat(page->revision.value()));
    if (page->next.has_value()) {
      HF_CO_ASSIGN_OR_RETURN(
          *response->mutable_next_page_token(),
          SealPage(host->deployment, hash,
                   {page->revision, {page->next->kind.str(), page->next->name.str()}}));
    }
    co_return response;
  }

 private:
  static absl::StatusOr<std::optional<KindName>> read_kind(const Host& host,
                                                           const std::string& kind) {
    if (kind.empty()) return std::nullopt;
    for (const schema::Kind* known : host.deployment.service->kinds) {
      if (known->name.str() == kind) return known->name;
    }
    return FieldError(Reason::kInvalidField, "kind",
                      absl::StrCat("\"", ForMessage(kind), "\" is no kind of ",
                                   host.deployment.service->domain.str()));
  }
};

// All shadows in pages, then each that changes, as it is when it is sent: so none goes back. A
// token that is too old is an error here: there is no message to say "forget everything".
class WatchShadowsHandler final : public MixinHandler {
 public:
  using MixinHandler::MixinHandler;

  Task<absl::Status> stream(CallContext context, MessagePtr message,
                            ResponseStream& responses) override {
    const auto& request = static_cast<const mixin::WatchResourceShadowsRequest&>(*message);
    HF_CO_ASSIGN_OR_RETURN(const Host* host, find_host(request));
    const RequestFields fields(request.GetDescriptor(), nullptr);
    const std::string hash =
        HashRequest(request.GetDescriptor()->full_name(), request, {fields.resume_token});
    WatchPosition position;
    if (!request.resume_token().empty()) {
      HF_CO_ASSIGN_OR_RETURN(position, OpenWatch(host->deployment, hash, request.resume_token()));
    }
    while (position.phase != WatchPosition::Phase::kChanges) {
      if (context.cancelled.is_set()) co_return MakeError(Reason::kCancelled, "the watch is over");
      HF_CO_RETURN_IF_ERROR(co_await send_page(*host, hash, position, responses));
    }
    const std::shared_ptr<feed::Subscription> changes =
        host->deployment.feed->subscribe(position.cursor, {});
    Spawn(host->env, cancel_when(context.cancelled, changes));
    for (;;) {
      const absl::StatusOr<feed::FeedBatch> batch = co_await changes->next();
      if (!batch.ok()) co_return batch.status();
      mixin::WatchResourceShadowsResponse response;
      for (const auto& row : batch->rows) {
        const schema::Kind* kind = host->deployment.schema->find_kind(row->key.kind);
        if (kind == nullptr || kind->unconstrained) continue;  // these have no shadows
        absl::StatusOr<store::Shadow> shadow = co_await host->deployment.store->shadow(row->key);
        // Gone: the row is all that is left to tell.
        if (ReasonOf(shadow.status()) == Reason::kResourceNotFound) {
          shadow = store::Shadow{*row, {}};
        }
        if (!shadow.ok()) co_return shadow.status();
        Fill(*shadow, *response.add_changes());
      }
      position.cursor = batch->cursor;
      HF_CO_RETURN_IF_ERROR(co_await send(*host, hash, position, response, responses));
    }
  }

 private:
  // Holds the subscription: it may come after the watch is over.
  static Task<void> cancel_when(OneShot cancelled, std::shared_ptr<feed::Subscription> changes) {
    co_await cancelled.wait();
    changes->cancel();
  }

  static Task<absl::Status> send_page(const Host& host, const std::string& hash,
                                      WatchPosition& position, ResponseStream& responses) {
    std::optional<ResourceKey> after;
    if (!position.snapshot_end.name.empty()) after = position.snapshot_end;
    const absl::StatusOr<store::ShadowPage> page = co_await host.deployment.store->shadows(
        std::nullopt, std::move(after), kMaxShadowPage, store::ShowDeleted::kNo);
    if (!page.ok()) co_return page.status();
    if (position.phase == WatchPosition::Phase::kStart) {
      position.phase = WatchPosition::Phase::kSnapshot;
      position.cursor = page->place;
    }
    mixin::WatchResourceShadowsResponse response;
    for (const store::Shadow& shadow : page->shadows) Fill(shadow, *response.add_changes());
    position.snapshot_end = page->next.value_or(ResourceKey{});
    if (!page->next.has_value()) position.phase = WatchPosition::Phase::kChanges;
    co_return co_await send(host, hash, position, response, responses);
  }

  static Task<absl::Status> send(const Host& host, const std::string& hash,
                                 const WatchPosition& position,
                                 mixin::WatchResourceShadowsResponse& response,
                                 ResponseStream& responses) {
    response.set_revision(absl::StrCat(position.cursor.revision.value()));
    response.set_resume_token(SealWatch(host.deployment, hash, position));
    co_return co_await responses.write(response);
  }
};

}  // namespace

std::vector<FixedMethod> MakeMixinMethods(const std::vector<Host>& hosts) {
  const pb::ServiceDescriptor* service =
      mixin::ResourceShadow::descriptor()->file()->FindServiceByName("SchemaMixin");
  std::vector<FixedMethod> methods;
  const auto add = [&](const char* name, std::string path, std::unique_ptr<Handler> handler) {
    methods.push_back({service->FindMethodByName(name),
                       {{"GET", "/holdfast.mixin.v1/" + std::move(path), ""}},
                       std::move(handler)});
  };
  add("GetResourceShadow", "{name=resourceShadows/**}", std::make_unique<GetShadowHandler>(hosts));
  add("ListResourceShadows", "resourceShadows", std::make_unique<ListShadowsHandler>(hosts));
  add("WatchResourceShadows", "resourceShadows:watch",
      std::make_unique<WatchShadowsHandler>(hosts));
  return methods;
}

}  // namespace holdfast::server
