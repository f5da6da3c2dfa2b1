#include "holdfast/batch/postgres/values.h"

#include <array>
#include <charconv>
#include <variant>

#include "absl/strings/escaping.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch::postgres {
namespace {

// pg_type.dat: these never change.
constexpr uint32_t kBool = 16;
constexpr uint32_t kBytea = 17;
constexpr uint32_t kInt8 = 20;
constexpr uint32_t kInt2 = 21;
constexpr uint32_t kInt4 = 23;
constexpr uint32_t kOid = 26;
constexpr uint32_t kFloat4 = 700;
constexpr uint32_t kFloat8 = 701;
constexpr uint32_t kXid8 = 5069;

template <class Number>
void AppendNumber(Number number, std::string& text) {
  std::array<char, 32> digits;  // the shortest form that reads back the same
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end);
}

void AppendQuoted(std::string_view value, std::string& text) {
  text += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  text += '"';
}

// Appends to an array literal. False: a NUL byte.
struct ElementWriter {
  std::string& text;

  bool operator()(Null) const {
    text += "NULL";
    return true;
  }
  bool operator()(int64_t v) const {
    AppendNumber(v, text);
    return true;
  }
  bool operator()(double v) const {
    AppendNumber(v, text);
    return true;
  }
  bool operator()(const std::string& v) const {
    AppendQuoted(v, text);
    return v.find('\0') == std::string::npos;
  }
  bool operator()(const Blob& v) const {
    text += "\"\\\\x";
    text += absl::BytesToHexString(v.bytes);
    text += '"';
    return true;
  }
};

template <class Number>
Value ReadNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::string(text);
  return number;
}

// bytea_output is "hex": the driver's connections say so.
Value ReadBytes(std::string_view text) {
  if (!text.starts_with("\\x")) return Blob{std::string(text)};
  return Blob{absl::HexStringToBytes(ToAbsl(text.substr(2)))};
}

}  // namespace

void Parameters::clear() {
  values_.clear();
  lengths_.clear();
  formats_.clear();
  used_texts_ = 0;
}

void Parameters::push(const char* data, size_t size, Format format) {
  values_.push_back(data);
  lengths_.push_back(static_cast<int>(size));
  formats_.push_back(static_cast<int>(format));
}

std::string& Parameters::next_text() {
  if (used_texts_ == texts_.size()) texts_.emplace_back();
  std::string& text = texts_[used_texts_++];
  text.clear();
  return text;
}

bool Parameters::add(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    push(text->c_str(), text->size(), Format::kText);
    return text->find('\0') == std::string::npos;
  }
  if (const auto* blob = std::get_if<Blob>(&value)) {
    push(blob->bytes.data(), blob->bytes.size(), Format::kBinary);
    return true;
  }
  if (std::holds_alternative<Null>(value)) {
    push(nullptr, 0, Format::kText);
    return true;
  }
  std::string& text = next_text();
  if (const auto* number = std::get_if<int64_t>(&value)) AppendNumber(*number, text);
  if (const auto* number = std::get_if<double>(&value)) AppendNumber(*number, text);
  push(text.c_str(), text.size(), Format::kText);
  return true;
}

bool Parameters::add_column(const std::vector<Row>& rows, size_t column) {
  std::string& text = next_text();
  bool fits = true;
  text += '{';
  for (const Row& row : rows) {
    if (text.size() > 1) text += ',';
    const Value& value = column < row.size() ? row[column] : Value(Null{});
    fits = std::visit(ElementWriter{text}, value) && fits;
  }
  text += '}';
  push(text.c_str(), text.size(), Format::kText);
  return fits;
}

void Parameters::add_number(int64_t number) {
  std::string& text = next_text();
  AppendNumber(number, text);
  push(text.c_str(), text.size(), Format::kText);
}

Value ReadValue(std::string_view text, uint32_t type) {
  switch (type) {
    case kBool:
      return int64_t{text == "t"};
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
    case kXid8:
      return ReadNumber<int64_t>(text);
    case kFloat4:
    case kFloat8:
      // "Infinity" and "NaN" are read too.
      return ReadNumber<double>(text);
    case kBytea:
      return ReadBytes(text);
    default:
      return std::string(text);
  }
}

std::vector<std::optional<std::string>> ParseArray(std::string_view literal) {
  std::vector<std::optional<std::string>> elements;
  if (literal.size() < 2 || literal.front() != '{' || literal.back() != '}') return elements;
  literal = literal.substr(1, literal.size() - 2);
  size_t i = 0;
  while (i < literal.size()) {
    std::string element;
    const bool quoted = literal[i] == '"';
    for (i += quoted ? 1 : 0; i < literal.size() && literal[i] != (quoted ? '"' : ','); ++i) {
      if (literal[i] == '\\' && i + 1 < literal.size()) ++i;
      element += literal[i];
    }
    if (!quoted && element == "NULL") {
      elements.emplace_back(std::nullopt);
    } else {
      elements.emplace_back(std::move(element));
    }
    i += quoted ? 2 : 1;  // the quote and the comma behind it
  }
  return elements;
}

}  // namespace holdfast::batch::postgres
