// What each test of a row of the table runs on.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace holdfast::nexus {

enum class On { kSqlite, kReadCommitted, kSerializable };

[[nodiscard]] inline std::string NameOf(On on) {
  return on == On::kSqlite ? "Sqlite" : on == On::kReadCommitted ? "ReadCommitted" : "Serializable";
}
[[nodiscard]] inline std::string ParamName(const ::testing::TestParamInfo<On>& info) {
  return NameOf(info.param);
}
inline void PrintTo(On on, std::ostream* out) { *out << NameOf(on); }

[[nodiscard]] inline auto EveryDatabase() {
  return ::testing::Values(On::kSqlite, On::kReadCommitted, On::kSerializable);
}
[[nodiscard]] inline auto EveryPostgres() {
  return ::testing::Values(On::kReadCommitted, On::kSerializable);
}

}  // namespace holdfast::nexus
