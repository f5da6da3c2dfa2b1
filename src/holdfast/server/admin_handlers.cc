// Questions of operators about whole deployments.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/admin/v1/admin.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/server/handler.h"

namespace holdfast::server {
namespace {

namespace admin = holdfast::admin::v1;

class FsckHandler final : public Handler {
 public:
  explicit FsckHandler(std::vector<Host> hosts) : hosts_(std::move(hosts)) {}

  Task<absl::StatusOr<Response>> call(CallContext, MessagePtr message) override {
    const auto& request = static_cast<const admin::FsckRequest&>(*message);
    auto response = std::make_unique<admin::FsckResponse>();
    bool found = false;
    for (const Host& host : hosts_) {
      const std::string& domain = host.deployment.service->domain.str();
      if (!request.service().empty() && request.service() != domain) continue;
      found = true;
      const absl::StatusOr<store::FsckReport> report = co_await host.deployment.store->fsck();
      if (!report.ok()) co_return report.status();
      add(*report, *response);
    }
    if (!found) co_return FieldError(Reason::kInvalidField, "service", served());
    co_return response;
  }

 private:
  static void add(const store::FsckReport& report, admin::FsckResponse& out) {
    out.set_rows(out.rows() + report.rows);
    out.set_references(out.references() + report.references);
    out.set_total_findings(out.total_findings() + report.total_findings);
    for (const store::Finding& finding : report.findings) {
      if (out.findings_size() >= static_cast<int>(store::kMaxFindings)) return;
      admin::FsckResponse::Finding& one = *out.add_findings();
      one.set_rule(finding.rule);
      one.set_kind(finding.key.kind.str());
      one.set_name(finding.key.name.str());
      one.set_detail(finding.detail);
    }
  }

  [[nodiscard]] std::string served() const {
    return absl::StrCat("must be one of ",
                        absl::StrJoin(hosts_, ", ", [](std::string* out, const Host& host) {
                          absl::StrAppend(out, host.deployment.service->domain.str());
                        }));
  }

  std::vector<Host> hosts_;
};

}  // namespace

std::vector<FixedMethod> MakeAdminMethods(const std::vector<Host>& hosts) {
  std::vector<FixedMethod> methods;
  methods.push_back(
      {admin::FsckRequest::descriptor()->file()->FindServiceByName("Admin")->method(0),
       {{"GET", "/holdfast.admin.v1/fsck", ""}},
       std::make_unique<FsckHandler>(hosts)});
  return methods;
}

}  // namespace holdfast::server
