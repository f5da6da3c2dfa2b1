#include "holdfast/filter/field_mask.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/mask_path.h"
#include "holdfast/filter/path.h"

namespace holdfast::filter {

// The paths as a tree: below a message its fields, below a map its keys. A node that is `whole`
// has nothing below it.
struct MaskNode {
  std::map<std::string, MaskNode> named;
  std::unique_ptr<MaskNode> every;
  bool whole = false;
  // Of the root: the numbers of the fields in `named`, sorted, if all of them are whole.
  std::vector<int> flat;
};

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Nodes = std::vector<const MaskNode*>;

void Insert(const std::vector<MaskPart>& parts, MaskNode& root) {
  MaskNode* node = &root;
  for (const MaskPart& part : parts) {
    if (node->whole) return;
    if (part.kind == MaskPart::Kind::kNamed) {
      node = &node->named[part.name];
      continue;
    }
    if (node->every == nullptr) node->every = std::make_unique<MaskNode>();
    node = node->every.get();
  }
  node->named.clear();
  node->every.reset();
  node->whole = true;
}

void CollectPaths(const MaskNode& node, std::vector<MaskPart>& prefix,
                  std::vector<std::string>& out) {
  if (node.whole) {
    out.push_back(MaskPathText(prefix));
    return;
  }
  if (node.every != nullptr) {
    prefix.push_back({.kind = MaskPart::Kind::kEvery, .name = ""});
    CollectPaths(*node.every, prefix, out);
    prefix.pop_back();
  }
  for (const auto& [name, child] : node.named) {
    prefix.push_back({.kind = MaskPart::Kind::kNamed, .name = name});
    CollectPaths(child, prefix, out);
    prefix.pop_back();
  }
}

std::vector<std::string> PathsOf(const MaskNode& root) {
  std::vector<MaskPart> prefix;
  std::vector<std::string> paths;
  CollectPaths(root, prefix, paths);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Nodes Named(const Nodes& nodes, const std::string& name) {
  Nodes found;
  for (const MaskNode* node : nodes) {
    const auto child = node->named.find(name);
    if (child != node->named.end()) found.push_back(&child->second);
  }
  return found;
}

Nodes Every(const Nodes& nodes) {
  Nodes found;
  for (const MaskNode* node : nodes) {
    if (node->every != nullptr) found.push_back(node->every.get());
  }
  return found;
}

bool AnyWhole(const Nodes& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const MaskNode* node) { return node->whole; });
}

void Keep(Message& message, const Nodes& nodes);

// Removes the entries for which `keep` says no. It gets the entry, which it may change.
template <class Predicate>
void FilterEntries(Message& message, const FieldDescriptor* map, Predicate keep) {
  const Reflection* reflection = message.GetReflection();
  int size = reflection->FieldSize(message, map);
  for (int i = 0; i < size;) {
    if (keep(*reflection->MutableRepeatedMessage(&message, map, i))) {
      ++i;
      continue;
    }
    --size;
    if (i != size) reflection->SwapElements(&message, map, i, size);
    reflection->RemoveLast(&message, map);
  }
}

void KeepEntries(Message& message, const FieldDescriptor* map, const Nodes& nodes) {
  const Nodes every = Every(nodes);
  const FieldDescriptor* value = map->message_type()->map_value();
  FilterEntries(message, map, [&](Message& entry) {
    Nodes chosen = Named(nodes, MapKeyOf(entry, map));
    chosen.insert(chosen.end(), every.begin(), every.end());
    if (chosen.empty()) return false;
    if (!AnyWhole(chosen)) Keep(*entry.GetReflection()->MutableMessage(&entry, value), chosen);
    return true;
  });
}

void KeepElements(Message& message, const FieldDescriptor* field, const Nodes& nodes) {
  const Reflection* reflection = message.GetReflection();
  const Nodes every = Every(nodes);
  const int size = reflection->FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    Keep(*reflection->MutableRepeatedMessage(&message, field, i), every);
  }
}

// Several nodes: what a map's entry has by its key and by `*`. What one of them names stays.
void Keep(Message& message, const Nodes& nodes) {
  const Reflection* reflection = message.GetReflection();
  reflection->MutableUnknownFields(&message)->Clear();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const Nodes chosen = Named(nodes, field->name());
    if (chosen.empty()) {
      reflection->ClearField(&message, field);
    } else if (AnyWhole(chosen)) {
      continue;
    } else if (field->is_map()) {
      KeepEntries(message, field, chosen);
    } else if (field->is_repeated()) {
      KeepElements(message, field, chosen);
    } else {
      Keep(*reflection->MutableMessage(&message, field), chosen);
    }
  }
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  return field->is_repeated() ? reflection->FieldSize(message, field) > 0
                              : reflection->HasField(message, field);
}

// Replaces whole fields.
void ReplaceFields(const Message& from, Message& to,
                   const std::vector<const FieldDescriptor*>& fields) {
  const Reflection* reflection = to.GetReflection();
  std::vector<const FieldDescriptor*> present;
  for (const FieldDescriptor* field : fields) {
    if (IsSet(from, field)) {
      present.push_back(field);
    } else {
      reflection->ClearField(&to, field);
    }
  }
  if (present.empty()) return;
  const std::unique_ptr<Message> copy(to.New());
  copy->CopyFrom(from);
  reflection->SwapFields(copy.get(), &to, present);
}

void Copy(const Message& from, Message& to, const MaskNode& node);

// A map's entries by their keys. Pointers to entries hold while the map is only used as repeated.
std::map<std::string, const Message*> EntriesOf(const Message& message,
                                                const FieldDescriptor* map) {
  const Reflection* reflection = message.GetReflection();
  std::map<std::string, const Message*> entries;
  const int size = reflection->FieldSize(message, map);
  for (int i = 0; i < size; ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, map, i);
    entries.emplace(MapKeyOf(entry, map), &entry);
  }
  return entries;
}

// What the mask names of one entry. `from` is null if there is no such entry.
void CopyEntry(const Message* from, Message& to, const FieldDescriptor* map, const MaskNode& node) {
  if (node.whole) {
    to.CopyFrom(*from);
    return;
  }
  const FieldDescriptor* value = map->message_type()->map_value();
  Message& to_value = *to.GetReflection()->MutableMessage(&to, value);
  if (from == nullptr) {
    const std::unique_ptr<Message> nothing(to_value.New());
    Copy(*nothing, to_value, node);
  } else {
    Copy(from->GetReflection()->GetMessage(*from, value), to_value, node);
  }
}

void CopyEntries(const Message& from, Message& to, const FieldDescriptor* map,
                 const MaskNode& node) {
  const std::map<std::string, const Message*> sources = EntriesOf(from, map);
  std::map<std::string, const MaskNode*> missing;
  for (const auto& [key, child] : node.named) missing.emplace(key, &child);
  FilterEntries(to, map, [&](Message& entry) {
    const auto named = missing.find(MapKeyOf(entry, map));
    if (named == missing.end()) return true;
    const MaskNode& child = *named->second;
    const auto source = sources.find(named->first);
    missing.erase(named);
    if (source == sources.end() && child.whole) return false;
    CopyEntry(source == sources.end() ? nullptr : source->second, entry, map, child);
    return true;
  });
  for (const auto& [key, child] : missing) {
    const auto source = sources.find(key);
    if (source == sources.end()) continue;
    Message& entry = *to.GetReflection()->AddMessage(&to, map);
    entry.CopyFrom(*source->second);
    if (child->whole) continue;
    entry.GetReflection()->ClearField(&entry, map->message_type()->map_value());
    CopyEntry(source->second, entry, map, *child);
  }
}

void Copy(const Message& from, Message& to, const MaskNode& node) {
  const Reflection* reflection = to.GetReflection();
  std::vector<const FieldDescriptor*> whole;
  for (const auto& [name, child] : node.named) {
    const FieldDescriptor* field = to.GetDescriptor()->FindFieldByName(name);
    HF_CHECK(field != nullptr) << "the mask is of another type: " << name;
    if (child.whole || child.every != nullptr) {
      whole.push_back(field);
    } else if (field->is_map()) {
      CopyEntries(from, to, field, child);
    } else if (IsSet(from, field) || IsSet(to, field)) {
      const Message& source = from.GetReflection()->GetMessage(from, field);
      Copy(source, *reflection->MutableMessage(&to, field), child);
    }
  }
  ReplaceFields(from, to, whole);
}

// Is there anything to say about the fields inside, or is the message one value?
bool IsOneValue(const FieldDescriptor* field) {
  return field->is_repeated() || field->message_type() == nullptr ||
         field->message_type()->field_count() == 0 ||
         field->message_type()->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
}

MaskNode SetFieldsOf(const Message& message) {
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  MaskNode node;
  for (const FieldDescriptor* field : fields) {
    MaskNode child;
    if (!IsOneValue(field)) child = SetFieldsOf(reflection->GetMessage(message, field));
    const bool counts = IsOneValue(field) || field->real_containing_oneof() != nullptr;
    if (child.named.empty()) child.whole = counts;
    if (child.whole || !child.named.empty()) node.named.emplace(field->name(), std::move(child));
  }
  return node;
}

// None if a part of one of them is meant.
std::vector<int> WholeFields(const MaskNode& root, const Descriptor& type) {
  std::vector<int> numbers;
  for (const auto& [name, child] : root.named) {
    if (!child.whole) return {};
    numbers.push_back(type.FindFieldByName(name)->number());
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

absl::Status Error(std::string_view field, std::string_view path, std::string_view problem) {
  return FieldError(Reason::kInvalidMask, field,
                    absl::StrCat("\"", ForMessage(path), "\": ", ToAbsl(problem)));
}

bool HasEvery(const std::vector<MaskPart>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [](const MaskPart& part) { return part.kind == MaskPart::Kind::kEvery; });
}

}  // namespace

absl::StatusOr<FieldMask> FieldMask::Parse(const std::vector<std::string>& paths,
                                           const Descriptor* type, std::string_view field) {
  if (paths.size() > kMaxMaskPaths) {
    return FieldError(Reason::kInvalidMask, field,
                      absl::StrCat("the mask has ", paths.size(), " paths, of which ",
                                   kMaxMaskPaths, " are allowed"));
  }
  auto root = std::make_shared<MaskNode>();
  bool everything = paths.empty();
  for (const std::string& path : paths) {
    if (path == "*") {
      everything = true;
      continue;
    }
    const absl::StatusOr<std::vector<MaskPart>> parts = ParseMaskPath(path, type);
    if (!parts.ok()) return Error(field, path, ToStd(parts.status().message()));
    Insert(*parts, *root);
  }
  FieldMask mask;
  if (everything) return mask;
  mask.paths_ = PathsOf(*root);
  root->flat = WholeFields(*root, *type);
  mask.root_ = std::move(root);
  return mask;
}

absl::StatusOr<FieldMask> FieldMask::ParseForUpdate(const std::vector<std::string>& paths,
                                                    const Descriptor* type,
                                                    std::string_view field) {
  HF_ASSIGN_OR_RETURN(FieldMask mask, Parse(paths, type, field));
  for (const std::string& path : mask.paths_) {
    const absl::StatusOr<std::vector<MaskPart>> parts = ParseMaskPath(path, type);
    HF_CHECK(parts.ok()) << "a canonical path is a path: " << path;
    if (!HasEvery(*parts)) continue;
    return Error(field, path,
                 "an update can't reach into all elements of a repeated field or entries of a map: "
                 "name the whole field, or a key of the map");
  }
  return mask;
}

void FieldMask::keep(Message& resource) const {
  if (everything()) return;
  Keep(resource, {root_.get()});
}

bool FieldMask::keeps_serialized() const { return everything() || !root_->flat.empty(); }

bool FieldMask::keep(std::string_view resource, std::string& out) const {
  using google::protobuf::internal::WireFormatLite;
  HF_CHECK(keeps_serialized()) << "the mask names parts of fields";
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(resource.data()),
                                            static_cast<int>(resource.size()));
  // What stands side by side is copied at once.
  int kept_from = 0;
  bool keeping = everything();
  for (;;) {
    const int begin = in.CurrentPosition();
    const uint32_t tag = in.ReadTag();
    if (tag == 0) break;
    if (!WireFormatLite::SkipField(&in, tag)) return false;
    if (everything()) continue;
    const bool wanted = std::binary_search(root_->flat.begin(), root_->flat.end(),
                                           WireFormatLite::GetTagFieldNumber(tag));
    if (wanted == keeping) continue;
    if (keeping) out.append(resource, kept_from, begin - kept_from);
    kept_from = begin;
    keeping = wanted;
  }
  if (!in.ConsumedEntireMessage()) return false;
  if (keeping) out.append(resource, kept_from);
  return true;
}

void FieldMask::copy(const Message& from, Message& to) const {
  if (everything()) {
    to.CopyFrom(from);
  } else {
    Copy(from, to, *root_);
  }
}

FieldMask FieldMask::OfSetFields(const Message& resource) {
  FieldMask mask;
  mask.root_ = std::make_shared<const MaskNode>(SetFieldsOf(resource));
  mask.paths_ = PathsOf(*mask.root_);
  return mask;
}

}  // namespace holdfast::filter
