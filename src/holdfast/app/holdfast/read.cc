// get, list, watch.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_split.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/fields.h"
#include "holdfast/base/macros.h"
#include "holdfast/real/termination.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

void SetMask(Message& request, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) AddText(*Mutable(request, "read_mask"), "paths", path);
}

absl::StatusOr<Catalog::Collection> FindCollection(const Context& context, const std::string& text,
                                                   const std::string& parent) {
  HF_ASSIGN_OR_RETURN(Catalog::Collection collection, context.catalog().find_collection(text));
  if (!parent.empty()) collection.parent = parent;
  return collection;
}

constexpr int64_t kRemoved = 2;  // holdfast.v1.ChangeType
constexpr int64_t kCurrent = 2;  // holdfast.v1.WatchPhase
constexpr int64_t kReset = 4;

// Prints what a watch brings, and says when it is enough.
class WatchPrinter {
 public:
  WatchPrinter(Format format, const WatchFlags& flags) : format_(format), flags_(flags) {}

  real::Client::Next on_message(const Message& response) {
    const int64_t phase = GetNumber(response, "phase");
    resume_token_ = GetText(response, "resume_token");
    if (phase == kReset && !flags_.quiet) std::cerr << "reset: everything is sent again\n";
    for (const Message* change : Elements(response, "changes")) {
      print(*change);
      if (++changes_ == flags_.count) return real::Client::Next::kStop;
    }
    if (!flags_.quiet) std::cout.flush();
    const bool enough = phase == kCurrent && flags_.until == "current";
    return enough ? real::Client::Next::kStop : real::Client::Next::kGoOn;
  }

  void summarize() const {
    if (flags_.quiet) std::cout << changes_ << "\n";
    if (!resume_token_.empty()) std::cerr << "go on with --resume " << resume_token_ << "\n";
  }

 private:
  void print(const Message& change) const {
    if (flags_.quiet) return;
    const bool removed = GetNumber(change, "type") == kRemoved;
    if (format_ == Format::kJson) {
      std::cout << ToJson(change) << "\n";
    } else if (format_ == Format::kYaml) {
      std::cout << "---\n" << ToYaml(change) << "\n";
    } else {
      std::cout << (removed ? "- " : "+ ") << GetText(change, "name");
      if (!removed) std::cout << " @" << GetText(change, "resource_version");
      std::cout << "\n";
    }
  }

  const Format format_;
  const WatchFlags& flags_;
  int64_t changes_ = 0;
  std::string resume_token_;
};

}  // namespace

absl::Status Get(Context& context, const std::vector<std::string>& names) {
  // A single resource is read as a document; several as a table.
  const bool document = names.size() == 1 && context.format() == Format::kTable;
  Printer printer(std::cout, document ? Format::kYaml : context.format());
  for (const std::string& name : names) {
    HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(name));
    HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(*kind, "Get"));
    const real::MessagePtr request = context.client().new_request(method);
    SetText(*request, "name", name);
    HF_ASSIGN_OR_RETURN(const real::MessagePtr resource, context.call(method, *request));
    printer.add(*resource);
  }
  return absl::OkStatus();
}

absl::Status List(Context& context, const ListFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Catalog::Collection collection,
                      FindCollection(context, flags.collection, flags.parent));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(*collection.kind, "List"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "parent", collection.parent);
  SetText(*request, "filter", flags.filter);
  SetText(*request, "order_by", flags.order_by);
  std::vector<std::string> fields = absl::StrSplit(flags.fields, ',', absl::SkipEmpty());
  if (context.format() == Format::kName) fields = {"name"};
  SetMask(*request, fields);
  if (flags.show_deleted) SetFlag(*request, "show_deleted");
  Printer printer(std::cout, context.format(), fields);
  int64_t left = flags.limit > 0 ? flags.limit : INT64_MAX;
  while (left > 0) {
    SetNumber(*request, "page_size", std::min<int64_t>(flags.page_size, left));
    HF_ASSIGN_OR_RETURN(const real::MessagePtr page, context.call(method, *request));
    for (const Message* resource : Listed(*page)) {
      printer.add(*resource);
      --left;
    }
    std::string token = GetText(*page, "next_page_token");
    if (token.empty()) break;
    SetText(*request, "page_token", std::move(token));
  }
  return absl::OkStatus();
}

namespace {

struct WatchCall {
  const MethodDescriptor* method = nullptr;
  real::MessagePtr request;
};

// A resource's name is watched alone, anything else as a collection.
absl::StatusOr<WatchCall> PrepareWatch(Context& context, const WatchFlags& flags) {
  WatchCall call;
  const absl::StatusOr<const ServedKind*> one = context.catalog().find_by_name(flags.target);
  if (one.ok()) {
    HF_ASSIGN_OR_RETURN(call.method, Context::Method(**one, "Watch"));
    call.request = context.client().new_request(call.method);
    SetText(*call.request, "name", flags.target);
  } else {
    HF_ASSIGN_OR_RETURN(const Catalog::Collection collection,
                        FindCollection(context, flags.target, flags.parent));
    HF_ASSIGN_OR_RETURN(call.method, Context::Method(*collection.kind, "WatchCollection"));
    call.request = context.client().new_request(call.method);
    SetText(*call.request, "parent", collection.parent);
    SetText(*call.request, "filter", flags.filter);
  }
  SetText(*call.request, "resume_token", flags.resume_token);
  return call;
}

}  // namespace

absl::Status Watch(Context& context, const WatchFlags& flags, Interruption& interruption) {
  HF_ASSIGN_OR_RETURN(const WatchCall call, PrepareWatch(context, flags));
  WatchPrinter printer(context.format(), flags);
  interruption.attach(&context.client());
  const absl::Status status = context.client().stream(
      call.method, *call.request, {.timeout = std::nullopt},
      [&](const Message& response) { return printer.on_message(response); });
  interruption.attach(nullptr);
  printer.summarize();
  // Being interrupted is how a watch usually ends.
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace holdfast::cli
