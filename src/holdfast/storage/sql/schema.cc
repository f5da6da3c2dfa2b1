#include "holdfast/storage/sql/schema.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"

namespace holdfast::storage::sql {

absl::Status CheckVersion(int64_t found, const Migrations& migrations) {
  const int64_t known = migrations.back().to;
  if (found >= 0 && found <= known) return absl::OkStatus();
  return MakeError(Reason::kSchemaNewer,
                   absl::StrCat("the database's tables are of version ", found,
                                ", written by a newer Holdfast; this one knows version ", known,
                                " at most: run the newer one"));
}

FieldIndex DeclaredIndex(int64_t kind, const std::vector<std::string>& paths) {
  constexpr size_t kMaxNameBytes = 63;  // PostgreSQL cuts what is longer
  const std::string start = absl::StrCat(ToAbsl(kDeclaredPrefix), kind, ":");
  FieldIndex index{.name = start + absl::StrJoin(paths, ","), .paths = paths};
  if (index.name.size() > kMaxNameBytes) {
    index.name = start + absl::BytesToHexString(Sha256(index.name)).substr(0, 32);
  }
  return index;
}

}  // namespace holdfast::storage::sql
