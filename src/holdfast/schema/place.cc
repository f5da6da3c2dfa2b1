#include "holdfast/schema/place.h"

#include <vector>

#include "google/protobuf/descriptor.pb.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

// The path of a message in SourceCodeInfo: descriptor.proto's field numbers and indexes in turn.
std::vector<int> PathOf(const pb::Descriptor* message) {
  if (message->containing_type() == nullptr) {
    return {pb::FileDescriptorProto::kMessageTypeFieldNumber, message->index()};
  }
  std::vector<int> path = PathOf(message->containing_type());
  path.push_back(pb::DescriptorProto::kNestedTypeFieldNumber);
  path.push_back(message->index());
  return path;
}

std::vector<int> PathOf(const pb::FieldDescriptor* field) {
  std::vector<int> path = PathOf(field->containing_type());
  path.push_back(pb::DescriptorProto::kFieldFieldNumber);
  path.push_back(field->index());
  return path;
}

Place ToPlace(const pb::FileDescriptor* file, const pb::SourceLocation& location) {
  return {file->name(), location.start_line + 1, location.start_column + 1};
}

template <class Descriptor>
Place PlaceOfElement(const Descriptor* element) {
  pb::SourceLocation location;
  if (element->GetSourceLocation(&location)) return ToPlace(element->file(), location);
  return {element->file()->name(), 0, 0};
}

// `option (x) = {…}` is found under its number; `(x).type = …` and `(x) = ENUM` of a repeated
// extension one level below.
bool FindOption(const pb::FileDescriptor* file, std::vector<int> path, int number, Place& place) {
  constexpr int kMostSubfields = 16;
  pb::SourceLocation location;
  path.push_back(number);
  if (file->GetSourceLocation(path, &location)) {
    place = ToPlace(file, location);
    return true;
  }
  path.push_back(0);
  for (; path.back() < kMostSubfields; ++path.back()) {
    if (!file->GetSourceLocation(path, &location)) continue;
    place = ToPlace(file, location);
    return true;
  }
  return false;
}

}  // namespace

Place PlaceOf(const pb::FileDescriptor* file) { return {file->name(), 0, 0}; }
Place PlaceOf(const pb::Descriptor* message) { return PlaceOfElement(message); }
Place PlaceOf(const pb::FieldDescriptor* field) {
  // The key and value of a map stand nowhere: the map does.
  const pb::Descriptor* entry = field->containing_type();
  if (!entry->options().map_entry()) return PlaceOfElement(field);
  const pb::Descriptor* holder = entry->containing_type();
  for (int i = 0; i < holder->field_count(); ++i) {
    if (holder->field(i)->message_type() == entry) return PlaceOfElement(holder->field(i));
  }
  return PlaceOf(holder);
}
Place PlaceOf(const pb::EnumDescriptor* type) { return PlaceOfElement(type); }
Place PlaceOf(const pb::EnumValueDescriptor* value) {
  pb::SourceLocation location;
  if (value->GetSourceLocation(&location)) return ToPlace(value->type()->file(), location);
  return PlaceOf(value->type());
}

Place PlaceOfOption(const pb::FileDescriptor* file, int number) {
  Place place = PlaceOf(file);
  FindOption(file, {pb::FileDescriptorProto::kOptionsFieldNumber}, number, place);
  return place;
}

Place PlaceOfOption(const pb::Descriptor* message, int number) {
  Place place = PlaceOf(message);
  std::vector<int> path = PathOf(message);
  path.push_back(pb::DescriptorProto::kOptionsFieldNumber);
  FindOption(message->file(), path, number, place);
  return place;
}

Place PlaceOfOption(const pb::FieldDescriptor* field, int number) {
  Place place = PlaceOf(field);
  std::vector<int> path = PathOf(field);
  path.push_back(pb::FieldDescriptorProto::kOptionsFieldNumber);
  FindOption(field->file(), path, number, place);
  return place;
}

}  // namespace holdfast::schema
