#include "holdfast/app/holdfast/output.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "holdfast/base/strings.h"
#include "holdfast/schema/name_pattern.h"
#include "nlohmann/json.hpp"
#include "yaml-cpp/yaml.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

constexpr size_t kMaxCell = 60;
constexpr size_t kMaxColumns = 7;
constexpr size_t kColumnGap = 2;

// YAML readers take an unquoted "1" for a number; "true", and older ones also "no", for a boolean.
bool NeedsQuotes(const std::string& text) {
  if (text.empty()) return true;
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (absl::EqualsIgnoreCase(text, word)) return true;
  }
  try {
    const YAML::Node node = YAML::Load(text);
    return !node.IsScalar() || node.Scalar() != text ||
           !Json::parse(text, nullptr, /*allow_exceptions=*/false).is_discarded();
  } catch (const YAML::Exception&) {
    return true;
  }
}

void EmitYaml(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      EmitYaml(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const Json& item : value) EmitYaml(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (NeedsQuotes(text)) out << YAML::DoubleQuoted;
    out << text;
  } else {
    out << value.dump();
  }
}

// A cell of a table: scalars as they are, a list as its length.
std::string Cell(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  if (field->is_repeated()) {
    const int size = reflection->FieldSize(message, field);
    return size == 0 ? "" : absl::StrCat("[", size, "]");
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      // A name is there to be copied.
      return ForMessage(reflection->GetString(message, field),
                        field->name() == "name" ? schema::kMaxNameBytes : kMaxCell);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, field) ? "true" : "";
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->GetEnumValue(message, field) == 0
                 ? ""
                 : reflection->GetEnum(message, field)->name();
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(reflection->GetDouble(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(reflection->GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "";
  }
  return "";
}

bool FitsIntoCell(const FieldDescriptor* field) {
  return field->is_repeated() || field->message_type() == nullptr;
}

std::vector<const FieldDescriptor*> ChooseColumns(const google::protobuf::Descriptor* type,
                                                  const std::vector<std::string>& wanted) {
  std::vector<const FieldDescriptor*> columns;
  for (const std::string& name : wanted) {
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field != nullptr && FitsIntoCell(field)) columns.push_back(field);
  }
  if (!columns.empty()) return columns;
  for (int i = 0; i < type->field_count() && columns.size() < kMaxColumns; ++i) {
    if (FitsIntoCell(type->field(i))) columns.push_back(type->field(i));
  }
  return columns;
}

// How wide a terminal shows UTF-8 text: its code points.
size_t Width(const std::string& text) {
  constexpr unsigned char kContinuationMask = 0xC0;
  constexpr unsigned char kContinuation = 0x80;
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & kContinuationMask) != kContinuation;
  }));
}

}  // namespace

absl::StatusOr<Format> ParseFormat(std::string_view text) {
  if (text == "table") return Format::kTable;
  if (text == "yaml") return Format::kYaml;
  if (text == "json") return Format::kJson;
  if (text == "name") return Format::kName;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", ToAbsl(text), "\" is no output format; use table, yaml, json or name"));
}

// MessageToJsonString shows the entries of maps in another order in each process.
std::string ToJson(const Message& message) {
  namespace util = google::protobuf::util;
  constexpr char kPrefix[] = "type.googleapis.com";
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&out);
  }
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  const std::unique_ptr<util::TypeResolver> types(
      util::NewTypeResolverForDescriptorPool(kPrefix, type->file()->pool()));
  std::string json;
  const auto status = util::BinaryToJsonString(
      types.get(), absl::StrCat(kPrefix, "/", type->full_name()), bytes, &json);
  // Fails only for messages that hold what their types can't: then there is nothing to show.
  return status.ok() ? json : "{}";
}

std::string ToYaml(const Message& message) {
  YAML::Emitter out;
  EmitYaml(out, Json::parse(ToJson(message)));
  return out.c_str();
}

void Printer::add(const Message& resource) {
  switch (format_) {
    case Format::kJson:
      out_ << ToJson(resource) << "\n";
      break;
    case Format::kYaml:
      if (printed_ > 0) out_ << "---\n";
      out_ << ToYaml(resource) << "\n";
      break;
    case Format::kName: {
      const auto* name = resource.GetDescriptor()->FindFieldByName("name");
      if (name != nullptr) out_ << resource.GetReflection()->GetString(resource, name) << "\n";
      break;
    }
    case Format::kTable:
      add_row(resource);
      break;
  }
  ++printed_;
}

void Printer::begin_table(const google::protobuf::Descriptor* type) {
  flush_rows();
  if (type_ != nullptr) out_ << "\n";
  type_ = type;
  fields_ = ChooseColumns(type, columns_);
  widths_.clear();
  Row header;
  for (const FieldDescriptor* field : fields_) {
    header.push_back(absl::AsciiStrToUpper(field->name()));
  }
  rows_.push_back(std::move(header));
}

void Printer::add_row(const Message& resource) {
  if (resource.GetDescriptor() != type_) begin_table(resource.GetDescriptor());
  Row row;
  for (const FieldDescriptor* field : fields_) row.push_back(Cell(resource, field));
  if (!widths_.empty()) {
    print_row(row);
    return;
  }
  rows_.push_back(std::move(row));
  if (rows_.size() > kTableWindow) flush_rows();
}

void Printer::flush_rows() {
  for (const Row& row : rows_) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], Width(row[i]));
  }
  for (const Row& row : rows_) print_row(row);
  rows_.clear();
}

void Printer::print_row(const Row& row) {
  std::string line;
  size_t blanks = 0;  // owed before the next cell, so that no line ends with them
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t width = Width(row[i]);
    if (width > 0) {
      line.append(blanks, ' ');
      absl::StrAppend(&line, row[i]);
      blanks = 0;
    }
    blanks += kColumnGap + (width < widths_[i] ? widths_[i] - width : 0);
  }
  out_ << line << "\n";
}

void Printer::finish() {
  flush_rows();
  out_.flush();
}

}  // namespace holdfast::cli
