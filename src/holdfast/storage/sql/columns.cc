#include "holdfast/storage/sql/columns.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {
namespace {

// What PostgreSQL observed is text: a bytea "\x" and its digits.
constexpr std::string_view kHexBytes = "\\x";

std::optional<std::string> ToBytesIfAny(batch::Value value) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr) {
    if (!text->starts_with(kHexBytes)) return std::nullopt;
    return absl::HexStringToBytes(ToAbsl(std::string_view(*text).substr(kHexBytes.size())));
  }
  auto* blob = std::get_if<batch::Blob>(&value);
  if (blob == nullptr) return std::nullopt;
  return std::move(blob->bytes);
}

}  // namespace

batch::Value TextOrNull(std::string s) {
  if (s.empty()) return batch::Null();
  return s;
}

batch::Value BlobOrNull(std::string s) {
  if (s.empty()) return batch::Null();
  return batch::Blob{std::move(s)};
}

batch::Value BlobOrNull(std::optional<std::string> s) {
  if (!s.has_value()) return batch::Null();
  return batch::Blob{std::move(*s)};
}

int64_t ToNumber(const batch::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  // A transaction's id, as PostgreSQL observed it.
  int64_t parsed = 0;
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && absl::SimpleAtoi(*text, &parsed) ? parsed : 0;
}

std::string ToText(batch::Value value) {
  auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? std::string() : std::move(*text);
}

std::string ToBytes(batch::Value value) { return ToBytesIfAny(std::move(value)).value_or(""); }

batch::Row ClaimBinds(const ClaimKey& key) {
  return {Number(static_cast<int64_t>(key.type)), Text(key.target.kind.str()),
          Text(key.target.name.str()), Text(key.holder)};
}

Claim ToClaim(ClaimKey key, batch::Row& columns, size_t first) {
  constexpr size_t kColumns = 7;
  HF_CHECK(columns.size() >= first + kColumns) << columns.size() << " columns";
  batch::Value* column = columns.data() + first;
  Claim claim{.key = std::move(key)};
  claim.terms = {.uid = Uid(ToText(std::move(column[0]))),
                 .state = ToNumber(column[1]),
                 .number = ToNumber(column[2]),
                 .round = ToNumber(column[3]),
                 .version = ToNumber(column[6])};
  claim.due = Timestamp(ToNumber(column[4]));
  claim.note = ToBytes(std::move(column[5]));
  return claim;
}

Row ToRow(ResourceKey key, batch::Row& columns, size_t first, Fields fields) {
  const size_t needed = first + kShadowColumns + (fields == Fields::kAll ? 3 : 0);
  HF_CHECK(columns.size() >= needed) << columns.size() << " columns";
  batch::Value* column = columns.data() + first;
  Row row;
  row.key = std::move(key);
  row.uid = Uid(ToText(std::move(column[0])));
  row.stamp = ToNumber(column[1]);
  row.version = Version(ToNumber(column[2]));
  row.revision = Revision(ToNumber(column[3]));
  row.state = static_cast<RowState>(ToNumber(column[4]));
  row.pending = static_cast<uint32_t>(ToNumber(column[5]));
  row.round = ToText(std::move(column[6]));
  row.delete_time = Timestamp(ToNumber(column[7]));
  if (fields == Fields::kShadow) return row;
  row.body = ToBytesIfAny(std::move(column[8]));
  row.fields = ToText(std::move(column[9]));
  row.outgoing = ToBytes(std::move(column[10]));
  return row;
}

}  // namespace holdfast::storage::sql
