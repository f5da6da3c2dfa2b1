#include "holdfast/app/holdfastd/known_kinds.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"

namespace holdfast::app {
namespace {

// Names are printable ASCII: this is behind all of them.
constexpr char kBehindAllNames[] = "\x7f";

}  // namespace

Task<absl::Status> CheckKinds(storage::Engine& engine, std::set<KindName> known) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine.snapshot());
  storage::ScanQuery query;
  query.limit = 1;
  query.fields = storage::Fields::kShadow;
  for (;;) {
    HF_CO_ASSIGN_OR_RETURN(storage::ScanPage page, co_await snapshot->scan(query));
    if (!page.rows.empty()) {
      const KindName& kind = page.rows[0].key.kind;
      if (!known.contains(kind)) {
        co_return MakeError(
            Reason::kSchemaNewer,
            absl::StrCat("the database has resources of the kind ", kind.str(),
                         ", which the schema doesn't have; start with a schema that has it, and "
                         "delete them first if the kind is to go"));
      }
      query.after = ResourceKey{.kind = kind, .name = ResourceName(kBehindAllNames)};
    } else if (page.next.has_value()) {
      query.after = std::move(page.next);
    } else {
      co_return absl::OkStatus();
    }
  }
}

}  // namespace holdfast::app
