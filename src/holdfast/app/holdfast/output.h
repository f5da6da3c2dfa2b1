// How resources are shown: a table for people, YAML and JSON for files and programs.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
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
// first kTableWindow rows to find the columns' widths.
class Printer {
 public:
  Printer(std::ostream& out, Format format) : out_(out), format_(format) {}
  ~Printer() { finish(); }
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  void add(const google::protobuf::Message& resource);
  void finish();

 private:
  void add_row(const google::protobuf::Message& resource);
  void flush_rows();
  void print_row(const std::vector<std::string>& row);

  static constexpr size_t kTableWindow = 200;
  std::ostream& out_;
  const Format format_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;
  size_t printed_ = 0;
};

}  // namespace holdfast::cli
