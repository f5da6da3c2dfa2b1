// How resources are shown: a table for people, YAML and JSON for files and programs.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace holdfast::cli {

enum class Format { kTable, kYaml, kJson, kName };

[[nodiscard]] absl::StatusOr<Format> ParseFormat(std::string_view text);

// "{…}" with lowerCamelCase field names, in the order of the type's fields.
[[nodiscard]] std::string ToJson(const google::protobuf::Message& message);
// The same as YAML.
[[nodiscard]] std::string ToYaml(const google::protobuf::Message& message);

// Prints resources one after another, whatever the format: nothing is kept but, for tables, the
// first kTableWindow rows to find the columns' widths. Resources of another type than the one
// before begin a new table.
class Printer {
 public:
  // `columns`: the fields that tables show; empty: the first few that fit into a cell.
  Printer(std::ostream& out, Format format, std::vector<std::string> columns = {})
      : out_(out), format_(format), columns_(std::move(columns)) {}
  ~Printer() { finish(); }
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  void add(const google::protobuf::Message& resource);
  void finish();

 private:
  using Row = std::vector<std::string>;
  using Fields = std::vector<const google::protobuf::FieldDescriptor*>;

  void add_row(const google::protobuf::Message& resource);
  void begin_table(const google::protobuf::Descriptor* type);
  void flush_rows();
  void print_row(const Row& row);

  static constexpr size_t kTableWindow = 200;
  std::ostream& out_;
  const Format format_;
  const std::vector<std::string> columns_;
  size_t printed_ = 0;
  // Of the table under way.
  const google::protobuf::Descriptor* type_ = nullptr;
  Fields fields_;
  std::vector<Row> rows_;
  std::vector<size_t> widths_;
};

}  // namespace holdfast::cli
