// get, list, watch.
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/real/termination.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

void SetMask(Message& request, const std::string& fields) {
  if (fields.empty()) return;
  Message* mask = Mutable(request, "read_mask");
  for (absl::string_view path : absl::StrSplit(fields, ',')) {
    AddText(*mask, "paths", std::string(path));
  }
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
    const bool current = phase == kCurrent && flags_.until == "current";
    return current ? real::Client::Next::kStop : real::Client::Next::kGoOn;
  }

  void summarize() const {
    if (flags_.quiet) std::cout << changes_ << "\n";
    if (!flags_.quiet) std::cerr << "resume token: " << resume_token_ << "\n";
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
      const std::string version = GetText(change, "resource_version");
      if (!version.empty()) std::cout << " @" << version;
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
    HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, context.method(*kind, "Get"));
    const real::MessagePtr request = context.client().new_request(method);
    SetText(*request, "name", name);
    HF_ASSIGN_OR_RETURN(const real::MessagePtr resource,
                        context.client().call(method, *request, context.call_options()));
    printer.add(*resource);
  }
  return absl::OkStatus();
}

absl::Status List(Context& context, const ListFlags& flags) {
  HF_ASSIGN_OR_RETURN(const Catalog::Collection collection,
                      FindCollection(context, flags.collection, flags.parent));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, context.method(*collection.kind, "List"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "parent", collection.parent);
  SetText(*request, "filter", flags.filter);
  SetText(*request, "order_by", flags.order_by);
  SetMask(*request, context.format() == Format::kName ? "name" : flags.fields);
  if (flags.show_deleted) SetFlag(*request, "show_deleted");
  Printer printer(std::cout, context.format());
  int64_t left = flags.limit > 0 ? flags.limit : INT64_MAX;
  while (left > 0) {
    SetNumber(*request, "page_size", std::min<int64_t>(flags.page_size, left));
    HF_ASSIGN_OR_RETURN(const real::MessagePtr page,
                        context.client().call(method, *request, context.call_options()));
    const auto* resources = page->GetDescriptor()->FindFieldByNumber(1);
    for (const Message* resource : Elements(*page, resources->name())) {
      printer.add(*resource);
      --left;
    }
    std::string token = GetText(*page, "next_page_token");
    if (token.empty()) break;
    SetText(*request, "page_token", std::move(token));
  }
  return absl::OkStatus();
}

absl::Status Watch(Context& context, const WatchFlags& flags) {
  const absl::StatusOr<const ServedKind*> one = context.catalog().find_by_name(flags.target);
  const MethodDescriptor* method = nullptr;
  real::MessagePtr request;
  if (one.ok()) {
    HF_ASSIGN_OR_RETURN(method, context.method(**one, "Watch"));
    request = context.client().new_request(method);
    SetText(*request, "name", flags.target);
  } else {
    HF_ASSIGN_OR_RETURN(const Catalog::Collection collection,
                        FindCollection(context, flags.target, flags.parent));
    HF_ASSIGN_OR_RETURN(method, context.method(*collection.kind, "WatchCollection"));
    request = context.client().new_request(method);
    SetText(*request, "parent", collection.parent);
    SetText(*request, "filter", flags.filter);
  }
  SetText(*request, "resume_token", flags.resume_token);
  WatchPrinter printer(context.format(), flags);
  const real::TerminationListener listener([&context] { context.client().cancel_streams(); });
  const absl::Status status = context.client().stream(
      method, *request, {.timeout = std::nullopt},
      [&](const Message& response) { return printer.on_message(response); });
  printer.summarize();
  // Being interrupted is how a watch usually ends.
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace holdfast::cli
