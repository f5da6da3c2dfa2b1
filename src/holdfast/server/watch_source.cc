#include "holdfast/server/watch_source.h"

#include <utility>

#include "holdfast/base/macros.h"

namespace holdfast::server {
namespace {

// A string that is less than `name`, with no other name between the two: ids are ASCII, and after
// 0x7f nothing follows that could be one.
std::string JustBefore(std::string name) {
  name.back() = static_cast<char>(name.back() - 1);
  name.push_back('\x7f');
  return name;
}

// "projects/p1" of "projects/p1/vpcs/main".
std::string CollectionOf(const std::string& name) {
  const size_t id = name.rfind('/');
  const size_t collection = id == 0 ? std::string::npos : name.rfind('/', id - 1);
  return collection == std::string::npos ? "" : name.substr(0, collection);
}

}  // namespace

feed::Interest WatchSource::interest() const {
  feed::Interest interest;
  interest.kinds = {kind->name};
  interest.name_prefix = one.has_value() ? one->str() : schema::NamePattern::ScanPrefix(parent);
  return interest;
}

bool WatchSource::covers(const ResourceKey& key) const {
  if (key.kind != kind->name) return false;
  if (one.has_value()) return key.name == *one;
  const size_t levels = schema::Segments(parent).size() + 2;
  return schema::Segments(key.name.str()).size() == levels &&
         schema::NamePattern::IsBelow(key.name.str(), parent);
}

store::ListQuery WatchSource::page_behind(const ResourceName& name) const {
  store::ListQuery query;
  query.kind = kind;
  query.parent = parent;
  query.filter = filter;
  query.page_size = page_size;
  if (!name.empty()) query.after = store::PageStart{"", name};
  if (one.has_value()) {
    query.page_size = 1;
    // Behind it there is nothing more; before it, the page begins with it if it is there.
    query.after = store::PageStart{"", name.empty() ? ResourceName(JustBefore(one->str())) : name};
  }
  return query;
}

absl::StatusOr<WatchSource> ReadWatchSource(const schema::Kind& kind, const RequestFields& fields,
                                            const google::protobuf::Message& request) {
  WatchSource source;
  source.kind = &kind;
  HF_ASSIGN_OR_RETURN(source.mask, ReadMask(request, fields.read_mask, kind.message, "read_mask"));
  HF_ASSIGN_OR_RETURN(source.page_size,
                      ReadPageSize(request, fields.page_size, kDefaultSnapshotPage));
  if (fields.name != nullptr) {
    HF_ASSIGN_OR_RETURN(source.one, ReadName(kind, Text(request, fields.name), "name"));
    source.parent = CollectionOf(source.one->str());
    return source;
  }
  source.parent = Text(request, fields.parent);
  HF_RETURN_IF_ERROR(FindCollection(kind, source.parent, "parent", Wildcards::kAllowed).status());
  HF_ASSIGN_OR_RETURN(source.filter,
                      filter::Filter::Parse(Text(request, fields.filter), kind.message));
  return source;
}

}  // namespace holdfast::server
