#include "holdfast/app/holdfast/output.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "holdfast/base/strings.h"
#include "nlohmann/json.hpp"
#include "yaml-cpp/yaml.h"

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::ordered_json;

constexpr size_t kMaxCell = 60;
constexpr size_t kMaxColumns = 7;

// YAML readers take an unquoted "1" or "true" for a number or a boolean.
bool NeedsQuotes(const std::string& text) {
  if (text.empty()) return true;
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
      return ForMessage(reflection->GetString(message, field), kMaxCell);
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

std::vector<const FieldDescriptor*> Columns(const google::protobuf::Descriptor* type) {
  std::vector<const FieldDescriptor*> columns;
  for (int i = 0; i < type->field_count() && columns.size() < kMaxColumns; ++i) {
    const FieldDescriptor* field = type->field(i);
    const bool shown = field->is_repeated() || field->message_type() == nullptr;
    if (shown) columns.push_back(field);
  }
  return columns;
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
  return text;
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

std::string ToJson(const Message& message) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  // Fails only for messages that hold what their types can't: then there is nothing to show.
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}";
  return json;
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

void Printer::add_row(const Message& resource) {
  const std::vector<const FieldDescriptor*> columns = Columns(resource.GetDescriptor());
  std::vector<std::string> row;
  if (printed_ == 0) {
    for (const FieldDescriptor* column : columns) row.push_back(Upper(column->name()));
    rows_.push_back(std::move(row));
    row.clear();
  }
  for (const FieldDescriptor* column : columns) row.push_back(Cell(resource, column));
  if (!widths_.empty()) {
    print_row(row);
    return;
  }
  rows_.push_back(std::move(row));
  if (rows_.size() > kTableWindow) flush_rows();
}

void Printer::flush_rows() {
  for (const std::vector<std::string>& row : rows_) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows_) print_row(row);
  rows_.clear();
}

void Printer::print_row(const std::vector<std::string>& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    absl::StrAppend(&line, row[i]);
    if (i + 1 < row.size() && row[i].size() < widths_[i]) {
      line.append(widths_[i] - row[i].size(), ' ');
    }
    if (i + 1 < row.size()) line += "  ";
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  out_ << line << "\n";
}

void Printer::finish() {
  if (!rows_.empty()) flush_rows();
  out_.flush();
}

}  // namespace holdfast::cli
