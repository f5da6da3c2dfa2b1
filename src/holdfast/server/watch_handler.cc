// Watch of one resource or of a collection: snapshot in pages, CURRENT, then changes.
//
// How the snapshot stays exact without holding one state of the database open. The watcher's view
// is at any time: all keys up to `snapshot_end`, exactly as of `cursor`. One round makes it longer:
//   1. read the next page; it is a snapshot at revision r, not before cursor
//   2. read the feed from cursor to r or a little further, and send what it says about keys up to
//      snapshot_end; what it says about keys of the page counts only if it is newer than r; what
//      lies behind the page will come with its own page, which is read later
//   3. send the page with what was newer put in its place, key by key
// So no version is ever sent after a newer one of the same key, nothing is kept per resource, and
// a resume token, a key and a cursor, says exactly what has been sent.
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/mutex.h"
#include "holdfast/meta.pb.h"
#include "holdfast/server/handler.h"
#include "holdfast/server/position.h"
#include "holdfast/server/response.h"
#include "holdfast/server/watch_source.h"
#include "holdfast/v1/watch.pb.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;
using feed::FeedBatch;
using Phase = WatchPosition::Phase;
using SharedRow = std::shared_ptr<const storage::Row>;

// How long to wait for a tailer that hasn't seen yet what a page has: doubled each time.
constexpr Duration kFirstTailerWait = Milliseconds(1);
constexpr Duration kLongestTailerWait = Milliseconds(50);

// The response's fields.
struct WatchFields {
  explicit WatchFields(const schema::Method& method)
      : response(method.response),
        changes(response->FindFieldByName("changes")),
        resume_token(response->FindFieldByName("resume_token")),
        phase(response->FindFieldByName("phase")),
        bookmark(response->FindFieldByName("bookmark")),
        revision(response->FindFieldByName("revision")),
        type(changes->message_type()->FindFieldByName("type")),
        name(changes->message_type()->FindFieldByName("name")),
        resource(changes->message_type()->FindFieldByName(method.kind->singular)),
        version(changes->message_type()->FindFieldByName("resource_version")) {}

  const pb::Descriptor* response;
  const pb::FieldDescriptor *changes, *resume_token, *phase, *bookmark, *revision;
  const pb::FieldDescriptor *type, *name, *resource, *version;
};

// From `cursor`, behind a row of what the feed has behind it. Where only the feed knows which
// transactions that row comes after, the place stays, and whoever goes on there gets rows again.
void MoveBehind(const storage::Row& row, storage::Cursor& cursor) {
  if (!cursor.snapshot.empty()) return;
  cursor.revision = row.revision;
  cursor.key = row.key;
}

// Ends the subscription of the moment when the call is over from outside; outlives the watch,
// because whoever cancels may come late.
class CancelPoint {
 public:
  void cancel() {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    if (current_ != nullptr) current_->cancel();
  }
  // `current` stays the caller's, who enters nullptr before it goes.
  void enter(feed::Subscription* current) {
    const MutexLock lock(mutex_);
    current_ = current;
    if (cancelled_ && current_ != nullptr) current_->cancel();
  }
  [[nodiscard]] bool cancelled() const {
    const MutexLock lock(mutex_);
    return cancelled_;
  }

 private:
  mutable Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  feed::Subscription* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

Task<void> CancelWhen(OneShot cancelled, std::shared_ptr<CancelPoint> point) {
  co_await cancelled.wait();
  point->cancel();
}

// One call.
class Watch {
 public:
  Watch(const Host& host, const WatchFields& fields, WatchSource source, std::string hash,
        ResponseStream& responses)
      : host_(host),
        fields_(fields),
        source_(std::move(source)),
        hash_(std::move(hash)),
        responses_(responses),
        point_(std::make_shared<CancelPoint>()) {}
  ~Watch() { unsubscribe(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Starts anew behind a reset for as long as it takes.
  Task<absl::Status> run(OneShot cancelled, WatchPosition position) {
    Spawn(host_.env, CancelWhen(cancelled, point_));
    position_ = std::move(position);
    for (;;) {
      const absl::Status status = co_await follow();
      unsubscribe();
      if (ReasonOf(status) != Reason::kResumeTooOld) co_return status;
      position_ = {};
      pending_ = begin(v1::RESET);
      HF_CO_RETURN_IF_ERROR(co_await flush());
    }
  }

 private:
  Task<absl::Status> follow() {
    phase_ = position_.phase == Phase::kChanges ? v1::CHANGES : v1::SNAPSHOT;
    while (position_.phase != Phase::kChanges) {
      if (point_->cancelled()) co_return MakeError(Reason::kCancelled, "the watch is over");
      HF_CO_RETURN_IF_ERROR(co_await add_page());
    }
    subscribe();
    bool current = false;
    for (;;) {
      absl::StatusOr<FeedBatch> batch = co_await subscription_->next();
      if (!batch.ok()) co_return batch.status();
      HF_CO_RETURN_IF_ERROR(co_await add_changes(batch->rows));
      position_.cursor = batch->cursor;
      if (batch->bookmark && !current) {
        HF_CO_RETURN_IF_ERROR(co_await flush());
        current = true;
        pending_ = begin(v1::CURRENT);
        phase_ = v1::CHANGES;
      }
      if (batch->bookmark) {
        if (pending_ == nullptr) pending_ = begin(phase_);
        pending_->GetReflection()->SetBool(pending_.get(), fields_.bookmark, true);
      }
      HF_CO_RETURN_IF_ERROR(co_await flush());
    }
  }

  Task<absl::Status> add_changes(const std::vector<SharedRow>& rows) {
    for (const SharedRow& row : rows) {
      if (!source_.covers(row->key)) continue;
      HF_CO_RETURN_IF_ERROR(add_row(*row));
      MoveBehind(*row, position_.cursor);
      HF_CO_RETURN_IF_ERROR(co_await flush_if_large());
    }
    co_return absl::OkStatus();
  }

  // One round of the snapshot.
  Task<absl::Status> add_page() {
    absl::StatusOr<store::ListPage> page =
        co_await host_.deployment.store->list(source_.page_behind(position_.snapshot_end.name));
    if (!page.ok()) co_return page.status();
    if (position_.phase == Phase::kStart) {
      position_.phase = Phase::kSnapshot;
      position_.cursor = page->place;
    } else if (page->revision < position_.cursor.revision) {
      // Read where the last commits haven't arrived yet: again, a little later.
      co_await host_.env.sleep(kLongestTailerWait);
      co_return absl::OkStatus();
    }
    const bool last = !page->next.has_value() || source_.one.has_value();
    const ResourceName end = last ? ResourceName() : page->next->name;
    std::map<ResourceName, SharedRow> newer;
    HF_CO_RETURN_IF_ERROR(co_await catch_up(page->revision, end, newer));
    HF_CO_RETURN_IF_ERROR(co_await add_merged(page->resources, newer));
    if (last) position_.phase = Phase::kChanges;
    position_.snapshot_end = {source_.kind->name, end};
    co_return co_await flush();
  }

  // Brings the view from the cursor to `revision` or a little further. Changes behind `revision`
  // of keys up to `end` (of the page in hand; empty: all) are put into `newer`.
  Task<absl::Status> catch_up(Revision revision, ResourceName end,
                              std::map<ResourceName, SharedRow>& newer) {
    Duration wait = kFirstTailerWait;
    while (!reached(revision)) {
      // A new subscription's first bookmark comes at once; a later one could be long in coming.
      subscribe();
      for (bool bookmark = false; !bookmark && !reached(revision);) {
        const absl::StatusOr<FeedBatch> batch = co_await subscription_->next();
        if (!batch.ok()) co_return batch.status();
        for (const SharedRow& row : batch->rows) {
          if (!source_.covers(row->key)) continue;
          if (row->key.name > position_.snapshot_end.name) {
            const bool in_page = end.empty() || row->key.name <= end;
            if (in_page && row->revision > revision) newer[row->key.name] = row;
            continue;
          }
          HF_CO_RETURN_IF_ERROR(add_row(*row));
          MoveBehind(*row, position_.cursor);
          HF_CO_RETURN_IF_ERROR(co_await flush_if_large());
        }
        position_.cursor = batch->cursor;
        bookmark = batch->bookmark;
      }
      if (reached(revision)) break;
      co_await host_.env.sleep(wait);
      wait = Duration(std::min(2 * wait.value(), kLongestTailerWait.value()));
    }
    co_return absl::OkStatus();
  }

  // Is the view at least as new as `revision`, all of its batch included?
  [[nodiscard]] bool reached(Revision revision) const {
    const storage::Cursor& cursor = position_.cursor;
    return cursor.revision > revision || (cursor.revision == revision && !cursor.key.has_value());
  }

  // The page's resources, and instead of them what is newer, in order of name.
  Task<absl::Status> add_merged(const std::vector<store::SharedMessage>& resources,
                                const std::map<ResourceName, SharedRow>& newer) {
    auto next = newer.begin();
    for (const store::SharedMessage& resource : resources) {
      const ResourceName name(Text(*resource, source_.kind->name_field));
      for (; next != newer.end() && next->first < name; ++next) {
        HF_CO_RETURN_IF_ERROR(add_row(*next->second));
      }
      if (next != newer.end() && next->first == name) continue;
      add_set(*resource);
      position_.snapshot_end = {source_.kind->name, name};
      HF_CO_RETURN_IF_ERROR(co_await flush_if_large());
    }
    for (; next != newer.end(); ++next) HF_CO_RETURN_IF_ERROR(add_row(*next->second));
    co_return absl::OkStatus();
  }

  absl::Status add_row(const storage::Row& row) {
    HF_ASSIGN_OR_RETURN(const store::SharedMessage resource, host_.deployment.store->decode(row));
    if (resource != nullptr && source_.filter.matches(*resource)) {
      add_set(*resource);
      return absl::OkStatus();
    }
    // Perhaps it never matched: the watcher knows, and nobody has to remember it for him.
    pb::Message& change = add_change(row.key.name.str(), v1::REMOVED);
    change.GetReflection()->SetString(&change, fields_.version, absl::StrCat(row.version.value()));
    return absl::OkStatus();
  }

  void add_set(const pb::Message& resource) {
    const schema::Kind& kind = *source_.kind;
    pb::Message& change = add_change(Text(resource, kind.name_field), v1::SET);
    const auto& meta = static_cast<const Meta&>(
        resource.GetReflection()->GetMessage(resource, kind.metadata_field));
    change.GetReflection()->SetString(&change, fields_.version, meta.resource_version());
    pb::Message* copy = change.GetReflection()->MutableMessage(&change, fields_.resource);
    copy->CopyFrom(resource);
    source_.mask.keep(*copy);
    pending_bytes_ += copy->ByteSizeLong();
  }

  pb::Message& add_change(const std::string& name, v1::ChangeType type) {
    if (pending_ == nullptr) pending_ = begin(phase_);
    pb::Message& change = *pending_->GetReflection()->AddMessage(pending_.get(), fields_.changes);
    change.GetReflection()->SetEnumValue(&change, fields_.type, type);
    change.GetReflection()->SetString(&change, fields_.name, name);
    pending_bytes_ += name.size() + kChangeOverhead;
    host_.watch_changes.add();
    return change;
  }

  MessagePtr begin(v1::WatchPhase phase) const {
    MessagePtr message = host_.new_message(fields_.response);
    message->GetReflection()->SetEnumValue(message.get(), fields_.phase, phase);
    return message;
  }

  Task<absl::Status> flush_if_large() {
    if (pending_bytes_ < kMaxResponseBytes) co_return absl::OkStatus();
    co_return co_await flush();
  }

  // Sends what has come together, with the position as it is now.
  Task<absl::Status> flush() {
    if (pending_ == nullptr) co_return absl::OkStatus();
    const MessagePtr message = std::move(pending_);
    pending_bytes_ = 0;
    SetRevision(*message, fields_.revision, position_.cursor.revision);
    message->GetReflection()->SetString(message.get(), fields_.resume_token,
                                        SealWatch(host_.deployment, hash_, position_));
    co_return co_await responses_.write(*message);
  }

  void subscribe() {
    unsubscribe();
    subscription_ = host_.deployment.feed->subscribe(position_.cursor, source_.interest());
    point_->enter(subscription_.get());
  }

  void unsubscribe() {
    point_->enter(nullptr);
    subscription_.reset();
  }

  // Tags, lengths, type and version of a change.
  static constexpr size_t kChangeOverhead = 32;

  const Host& host_;
  const WatchFields& fields_;
  const WatchSource source_;
  const std::string hash_;
  ResponseStream& responses_;
  const std::shared_ptr<CancelPoint> point_;  // shared with whoever cancels
  std::unique_ptr<feed::Subscription> subscription_;
  WatchPosition position_;
  v1::WatchPhase phase_ = v1::SNAPSHOT;  // of what is sent next
  MessagePtr pending_;                   // changes that aren't sent yet
  size_t pending_bytes_ = 0;
};

class WatchHandler final : public Handler {
 public:
  WatchHandler(Host host, const schema::Method& method)
      : host_(host), method_(method), request_(method.request, method.kind), fields_(method) {}

  Task<absl::Status> stream(CallContext context, MessagePtr request,
                            ResponseStream& responses) override {
    HF_CO_ASSIGN_OR_RETURN(WatchSource source, ReadWatchSource(*method_.kind, request_, *request));
    std::string hash =
        HashRequest(method_.full_name, *request, {request_.resume_token, request_.page_size});
    WatchPosition position;
    const std::string token = Text(*request, request_.resume_token);
    if (!token.empty()) {
      HF_CO_ASSIGN_OR_RETURN(position, OpenWatch(host_.deployment, hash, token));
    }
    Watch watch(host_, fields_, std::move(source), std::move(hash), responses);
    co_return co_await watch.run(context.cancelled, std::move(position));
  }

 private:
  Host host_;
  const schema::Method& method_;
  RequestFields request_;
  WatchFields fields_;
};

}  // namespace

std::unique_ptr<Handler> MakeWatchHandler(Host host, const schema::Method& method) {
  return std::make_unique<WatchHandler>(host, method);
}

}  // namespace holdfast::server
