#include "examples/archive/remote.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::archive {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::internal::WireFormatLite;

// The field of a list's response that holds the resources.
constexpr int kResources = 1;

const FieldDescriptor* Field(const Message& message, std::string_view name) {
  return message.GetDescriptor()->FindFieldByName(std::string(name));
}

void Set(Message& message, std::string_view field, std::string value) {
  message.GetReflection()->SetString(&message, Field(message, field), std::move(value));
}

std::string Get(const Message& message, std::string_view field) {
  return message.GetReflection()->GetString(message, Field(message, field));
}

void SetNames(Message& message, std::string_view field, std::string_view suite, const Index& index,
              const std::vector<size_t>& targets) {
  const FieldDescriptor* names = Field(message, field);
  for (size_t target : targets) {
    message.GetReflection()->AddString(
        &message, names,
        absl::StrCat("suites/", ToAbsl(suite), "/packages/", index.packages[target].name));
  }
}

Message* AddOperation(Message& batch, const FieldDescriptor* operation_field) {
  const auto* reflection = batch.GetReflection();
  Message* operation = reflection->AddMessage(&batch, Field(batch, "operations"));
  return operation->GetReflection()->MutableMessage(operation, operation_field);
}

Message* SetResource(Message& request, const RemoteKind& kind, const Message& resource) {
  Message* target =
      request.GetReflection()->MutableMessage(&request, Field(request, kind.resource_field));
  target->CopyFrom(resource);
  return target;
}

// The fields of a serialized message that are strings or messages. False if it isn't a message.
template <class Visit>
bool ForEachText(std::string_view message, Visit visit) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  while (const uint32_t tag = in.ReadTag()) {
    uint32_t size = 0;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    if (!in.ReadVarint32(&size)) return false;
    const int begin = in.CurrentPosition();
    if (!in.Skip(static_cast<int>(size))) return false;
    visit(WireFormatLite::GetTagFieldNumber(tag), message.substr(begin, size));
  }
  return in.ConsumedEntireMessage();
}

// A string of a serialized message; empty if it isn't set.
std::string_view FieldOf(std::string_view message, const Descriptor* type, const char* name) {
  const int wanted = type->FindFieldByName(name)->number();
  std::string_view found;
  ForEachText(message, [&](int field, std::string_view text) {
    if (field == wanted) found = text;
  });
  return found;
}

// Metadata is a third of a package, and of no interest here.
void AskForAllBut(std::string_view unwanted, const Descriptor* type, Message& request) {
  Message* mask = request.GetReflection()->MutableMessage(&request, Field(request, "read_mask"));
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->name() == unwanted) continue;
    mask->GetReflection()->AddString(mask, Field(*mask, "paths"), type->field(i)->name());
  }
}

}  // namespace

std::string Serialize(const Message& resource) {
  // No map is in these messages besides metadata's, so that serialization is deterministic.
  return resource.SerializeAsString();
}

SplitName Split(std::string_view name) {
  const size_t id = name.rfind('/');
  const size_t collection = name.rfind('/', id - 1);
  return {collection == std::string_view::npos ? "" : std::string(name.substr(0, collection)),
          std::string(name.substr(id + 1))};
}

absl::StatusOr<std::unique_ptr<Remote>> Remote::Connect(const std::string& address) {
  HF_ASSIGN_OR_RETURN(std::unique_ptr<real::Client> client, real::Client::Connect(address));
  std::unique_ptr<Remote> remote(new Remote(std::move(client)));
  HF_RETURN_IF_ERROR(remote->FindTypes());
  return remote;
}

absl::Status Remote::FindTypes() {
  transact_ = client_->find_method("archive.v1.Transactions.Transact");
  if (transact_ == nullptr) {
    return absl::FailedPreconditionError(
        "the server doesn't serve archive.v1; start holdfastd with examples/archive/proto");
  }
  HF_RETURN_IF_ERROR(FindKind("Suite", "suite", "Suites", suites_));
  HF_RETURN_IF_ERROR(FindKind("SourcePackage", "source_package", "SourcePackages", sources_));
  return FindKind("Package", "package", "Packages", packages_);
}

absl::Status Remote::FindKind(std::string_view message, std::string_view singular,
                              std::string_view plural, RemoteKind& kind) {
  const std::string prefix = absl::StrCat("archive.v1.", ToAbsl(message));
  const Descriptor* operation = client_->find_message("archive.v1.TransactOperation");
  kind.type = client_->find_message(prefix);
  kind.list = client_->find_method(absl::StrCat(prefix, "Service.List", ToAbsl(plural)));
  kind.resource_field = std::string(singular);
  if (operation != nullptr) {
    kind.create = operation->FindFieldByName(absl::StrCat("create_", ToAbsl(singular)));
    kind.update = operation->FindFieldByName(absl::StrCat("update_", ToAbsl(singular)));
  }
  if (kind.type == nullptr || kind.list == nullptr || kind.create == nullptr ||
      kind.update == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the server's archive.v1 has no full kind ", ToAbsl(message)));
  }
  return absl::OkStatus();
}

MessagePtr Remote::suite(std::string_view suite) const {
  MessagePtr message = client_->new_message(suites_.type);
  Set(*message, "name", absl::StrCat("suites/", ToAbsl(suite)));
  Set(*message, "component", "main");
  Set(*message, "architecture", "amd64");
  return message;
}

MessagePtr Remote::source(std::string_view suite, std::string_view source) const {
  MessagePtr message = client_->new_message(sources_.type);
  Set(*message, "name", absl::StrCat("suites/", ToAbsl(suite), "/sources/", ToAbsl(source)));
  return message;
}

MessagePtr Remote::package(std::string_view suite, const Index& index, const Package& package,
                           const std::vector<size_t>& recommends) const {
  MessagePtr message = client_->new_message(packages_.type);
  Set(*message, "name", absl::StrCat("suites/", ToAbsl(suite), "/packages/", package.name));
  Set(*message, "version", package.version);
  Set(*message, "section", package.section);
  Set(*message, "priority", package.priority);
  Set(*message, "description", package.description);
  Set(*message, "maintainer", package.maintainer);
  Set(*message, "source", absl::StrCat("suites/", ToAbsl(suite), "/sources/", package.source));
  message->GetReflection()->SetInt64(message.get(), Field(*message, "installed_size"),
                                     package.installed_size);
  SetNames(*message, "depends", suite, index, package.depends);
  SetNames(*message, "recommends", suite, index, recommends);
  return message;
}

bool Remote::same(const RemoteKind& kind, std::string_view listed,
                  const std::string& wanted) const {
  if (listed == wanted) return true;
  const MessagePtr message = client_->new_message(kind.type);
  if (!message->ParseFromArray(listed.data(), static_cast<int>(listed.size()))) return false;
  return Serialize(*message) == wanted;
}

// A page that is on its way: asked for before the one before it is looked at.
std::future<absl::StatusOr<std::string>> Remote::fetch(const MethodDescriptor* list,
                                                       const Message& request) {
  auto page = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
  client_->call_serialized(list, request, {}, [page](absl::StatusOr<std::string> answer) {
    page->set_value(std::move(answer));
  });
  return page->get_future();
}

absl::StatusOr<Listing> Remote::list(const RemoteKind& kind, const std::string& parent) {
  Listing found;
  MessagePtr request = client_->new_request(kind.list);
  Set(*request, "parent", parent);
  request->GetReflection()->SetInt32(request.get(), Field(*request, "page_size"), 1000);
  AskForAllBut("metadata", kind.type, *request);
  auto next = fetch(kind.list, *request);
  for (bool more = true; more;) {
    HF_ASSIGN_OR_RETURN(std::string bytes, next.get());
    const std::string& page = found.pages.emplace_back(std::move(bytes));
    std::string token(FieldOf(page, kind.list->output_type(), "next_page_token"));
    more = !token.empty();
    if (more) {
      Set(*request, "page_token", std::move(token));
      next = fetch(kind.list, *request);
    }
    const bool readable = ForEachText(page, [&](int field, std::string_view resource) {
      if (field == kResources)
        found.by_name.emplace(FieldOf(resource, kind.type, "name"), resource);
    });
    if (!readable) return absl::InternalError("the server's list can't be read");
  }
  return found;
}

MessagePtr Remote::new_batch(std::string_view request_id) const {
  MessagePtr batch = client_->new_request(transact_);
  Set(*batch, "request_id", std::string(request_id));
  return batch;
}

void Remote::AddCreate(Message& batch, const RemoteKind& kind, const Message& resource) {
  Message* request = AddOperation(batch, kind.create);
  const SplitName split = Split(Get(resource, "name"));
  Set(*request, "parent", split.parent);
  Set(*request, absl::StrCat(kind.resource_field, "_id"), split.id);
  SetResource(*request, kind, resource);
}

void Remote::AddUpdate(Message& batch, const RemoteKind& kind, const Message& resource) {
  Message* request = AddOperation(batch, kind.update);
  SetResource(*request, kind, resource);
  // "*": exactly this, fields that aren't set are cleared.
  Message* mask = request->GetReflection()->MutableMessage(request, Field(*request, "update_mask"));
  mask->GetReflection()->AddString(mask, Field(*mask, "paths"), "*");
}

}  // namespace holdfast::archive
