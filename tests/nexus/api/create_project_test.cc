// Creating a project with its whole network through the API: what can go wrong, what goes over the
// wire, and what is left behind, which is nothing.
#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "holdfast/base/check.h"
#include "holdfast/testing/covers.h"
#include "tests/nexus/api/network_service.h"

namespace holdfast::nexus {
namespace {

using absl::StatusCode;
using google::rpc::ErrorInfo;
using google::rpc::QuotaFailure;
using google::rpc::ResourceInfo;
using network::Fault;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Service = NetworkService;

// Project, VPC, router, two routes, gateway, subnet and three firewall rules.
constexpr size_t kRowsOfAProject = 10;

// Adds an op to every creation of a kind, as an author's mistake would.
class AddingHook : public store::Hook {
 public:
  AddingHook(const schema::Schema& schema, std::string collection, std::string text)
      : schema_(schema), collection_(std::move(collection)), text_(std::move(text)) {}

  Task<absl::Status> before_commit(store::HookContext& context, store::WriteOp::Type type,
                                   const google::protobuf::Message* resource) override {
    if (type == store::WriteOp::Type::kCreate) {
      const auto* name = resource->GetDescriptor()->FindFieldByName("name");
      const std::string parent = resource->GetReflection()->GetString(*resource, name);
      store::WriteOp op;
      op.type = store::WriteOp::Type::kCreate;
      op.name = ResourceName(absl::StrCat(parent, collection_));
      op.kind = schema_.find_kind_by_name(*schema_.services()[0], op.name);
      op.resource = schema_.new_message(op.kind->message);
      HF_CHECK(google::protobuf::TextFormat::ParseFromString(text_, op.resource.get()));
      context.add("extra", std::move(op));
    }
    co_return absl::OkStatus();
  }

 private:
  const schema::Schema& schema_;
  const std::string collection_;
  const std::string text_;
};

class CreateProjectApi : public ::testing::TestWithParam<On> {
 protected:
  static void AddToEvery(Service& service, const char* kind, std::string collection,
                         std::string text = "") {
    service.hooks().add(
        KindName(absl::StrCat("network.example.com/", kind)),
        std::make_unique<AddingHook>(service.schema(), std::move(collection), std::move(text)));
  }
  // Refused as a mistake of ours, at the step of this path.
  static void ExpectBug(Service& service, std::string_view path) {
    const Answer answer = service.refused(Service::CreateProject("acme", "web"));
    EXPECT_THAT(answer, Says(StatusCode::kInternal, Reason::kInternal));
    EXPECT_THAT(std::string(answer.status.message()), HasSubstr(std::string(path)));
  }
  static Json Once(const Service::Call& call) {
    Json request = call.request;
    request["request_id"] = "4f2c9c1e-0000-4000-8000-000000000001";
    return request;
  }
};
INSTANTIATE_TEST_SUITE_P(On, CreateProjectApi, EveryDatabase(), ParamName);

// What all others rely on.
TEST_P(CreateProjectApi, DumpsShowEveryChange) {
  Service service(GetParam());
  const std::string empty = service.dump();
  service.must(Service::CreateOrganization("acme"));
  const std::string created = service.dump();
  EXPECT_NE(created, empty);
  EXPECT_THAT(created, HasSubstr("organizations/acme"));
  EXPECT_EQ(service.dump(), created);
}

TEST_P(CreateProjectApi, BringsItsNetworkInOneBatch) {
  HF_COVERS("T1", "T3", "T5", "R11", "R37", "R38");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  const int before = service.engine().commits();
  const Json project = service.must(Service::CreateProject("acme", "web"));
  EXPECT_EQ(service.engine().commits(), before + 1);
  EXPECT_EQ(project.at("name"), kWeb);
  EXPECT_THAT(service.names(), SizeIs(kRowsOfAProject + 1));
  EXPECT_EQ(service.used("Organization", "organizations/acme", "Project"), 1);
  // A route and the gateway that it refers to came together.
  const std::string route = absl::StrCat(kVpc, "/routers/system/routes/default-outbound");
  EXPECT_EQ(service.must(Service::Get("Route", route)).at("gateway"),
            absl::StrCat(kVpc, "/internetGateways/default"));
  EXPECT_EQ(service.fsck(), "");
}

TEST_P(CreateProjectApi, NeedsItsOrganization) {
  HF_COVERS("T2", "T5");
  Service service(GetParam());
  const Answer absent = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(absent, Says(StatusCode::kNotFound, Reason::kParentNotFound));
  EXPECT_EQ(DetailOf<ResourceInfo>(absent).resource_name(), "organizations/acme");
  EXPECT_EQ(DetailOf<ResourceInfo>(absent).resource_type(), "network.example.com/Organization");

  service.must(Service::CreateOrganization("acme"));
  service.must(Service::Delete("Organization", "organizations/acme"));
  const Answer deleted = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(deleted, Says(StatusCode::kNotFound, Reason::kParentNotFound));
  EXPECT_EQ(DetailOf<ResourceInfo>(deleted).resource_name(), "organizations/acme");
}

TEST_P(CreateProjectApi, RefusesANameThatIsTaken) {
  HF_COVERS("T2", "T5");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  service.must(Service::CreateProject("acme", "web"));
  const Answer taken = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(taken, Says(StatusCode::kAlreadyExists, Reason::kResourceExists));
  EXPECT_EQ(DetailOf<ResourceInfo>(taken).resource_name(), kWeb);
  EXPECT_EQ(service.used("Organization", "organizations/acme", "Project"), 1);
}

TEST_P(CreateProjectApi, GivesANameThatWasUsedANewUid) {
  HF_COVERS("T5");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  const Json first = service.must(Service::CreateProject("acme", "web"));
  service.must(Service::Delete("Project", kWeb));
  service.settle();
  const Json second = service.must(Service::CreateProject("acme", "web"));
  EXPECT_NE(second.at("metadata").at("uid"), first.at("metadata").at("uid"));
  EXPECT_THAT(service.names(), SizeIs(kRowsOfAProject + 1));
}

TEST_P(CreateProjectApi, StopsAtTheOrganizationsLimit) {
  HF_COVERS("T2", "T5", "T6");
  Service service(GetParam(), {.projects = 1});
  service.must(Service::CreateOrganization("acme"));
  service.must(Service::CreateProject("acme", "first"));
  const Answer full = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(full, Says(StatusCode::kResourceExhausted, Reason::kLimitExceeded));
  const auto quota = DetailOf<QuotaFailure>(full);
  EXPECT_EQ(quota.violations(0).subject(), "organizations/acme#network.example.com/Project");
  const auto info = DetailOf<ErrorInfo>(full);
  EXPECT_EQ(info.metadata().at("limit"), "network.example.com/Project");
  EXPECT_EQ(info.metadata().at("used"), "1");
  EXPECT_EQ(info.metadata().at("max"), "1");
  EXPECT_EQ(service.used("Organization", "organizations/acme", "Project"), 1);
}

TEST_P(CreateProjectApi, StopsInstancesAtTheProjectsLimit) {
  HF_COVERS("T6");
  Service service(GetParam(), {.instances = 1});
  service.must(Service::CreateOrganization("acme"));
  service.must(Service::CreateProject("acme", "web"));
  service.must(Service::Create("Instance", kWeb, "one"));
  const Answer full = service.refused(Service::Create("Instance", kWeb, "two"));
  EXPECT_THAT(full, Says(StatusCode::kResourceExhausted, Reason::kLimitExceeded));
  EXPECT_EQ(DetailOf<QuotaFailure>(full).violations(0).subject(),
            absl::StrCat(kWeb, "#network.example.com/Instance"));
  service.must(Service::Delete("Instance", absl::StrCat(kWeb, "/instances/one")));
  service.must(Service::Create("Instance", kWeb, "two"));
}

TEST_P(CreateProjectApi, CallsEveryTakenNameOfOurChoosingABug) {
  HF_COVERS("T2", "T3", "T5");
  struct Mistake {
    const char* kind;
    const char* collection;
    const char* path;
  };
  const Mistake mistakes[] = {
      {"Project", "/vpcs/default", "project.create/extra"},
      {"Vpc", "/routers/system", "project.create/vpc/extra"},
      {"Vpc", "/internetGateways/default", "project.create/vpc/extra"},
      {"Vpc", "/subnets/default", "project.create/vpc/extra"},
      {"Vpc", "/firewallRules/allow-ssh", "project.create/vpc/extra"},
      {"Vpc", "/routers/system/routes/default-subnet", "project.create/vpc/extra"},
  };
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.collection);
    Service service(GetParam());
    AddToEvery(service, mistake.kind, mistake.collection,
               std::string_view(mistake.collection).starts_with("/subnets")
                   ? "ipv4_range: '10.0.0.0/24'"
                   : "");
    service.must(Service::CreateOrganization("acme"));
    ExpectBug(service, mistake.path);
  }
}

TEST_P(CreateProjectApi, CallsATakenValueOfOurChoosingABug) {
  HF_COVERS("T2", "T5");
  Service service(GetParam());
  // "default" is the dns_name of the VPC that the project brings.
  AddToEvery(service, "Project", "/vpcs/second", "dns_name: 'default'");
  service.must(Service::CreateOrganization("acme"));
  ExpectBug(service, "project.create/extra");
}

TEST_P(CreateProjectApi, CallsAnOverlapInsideABugAndADirectOneTheClientsMistake) {
  HF_COVERS("T2", "T3", "T5");
  {
    Service service(GetParam());
    AddToEvery(service, "Vpc", "/subnets/second", "ipv4_range: '172.30.1.0/24'");
    service.must(Service::CreateOrganization("acme"));
    ExpectBug(service, "project.create/vpc/extra");
  }
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  service.must(Service::CreateProject("acme", "web"));
  const Answer direct =
      service.refused(Service::Create("Subnet", kVpc, "second", {{"ipv4_range", "172.30.1.0/24"}}));
  EXPECT_THAT(direct, Says(StatusCode::kInvalidArgument, Reason::kInvalidField));
  const auto bad = DetailOf<google::rpc::BadRequest>(direct);
  EXPECT_EQ(bad.field_violations(0).field(), "subnet.ipv4_range");
  EXPECT_THAT(bad.field_violations(0).description(),
              AllOf(HasSubstr("172.30.1.0/24"), HasSubstr("172.30.0.0/22")));
}

TEST_P(CreateProjectApi, EndsWhenNoVirtualNetworkIdIsFree) {
  HF_COVERS("T5");
  Service service(GetParam(), {.network = {.first_vni = 7, .last_vni = 7}});
  service.must(Service::CreateOrganization("acme"));
  service.must(Service::CreateProject("acme", "first"));
  const Answer full = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(full, Says(StatusCode::kResourceExhausted, Reason::kLimitExceeded));
  EXPECT_EQ(DetailOf<QuotaFailure>(full).violations(0).subject(), "virtual network ids");
}

TEST_P(CreateProjectApi, IsTriedAgainAfterADeadlockAndEndsAtSomePoint) {
  HF_COVERS("T5");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  service.engine().fail({Fault::kRetryable, Fault::kRetryable, Fault::kRetryable});
  service.must(Service::CreateProject("acme", "web"));
  service.engine().always_fail(Fault::kRetryable);
  EXPECT_THAT(service.refused(Service::CreateProject("acme", "other")),
              Says(StatusCode::kAborted, Reason::kConflict));
  service.engine().always_fail(Fault::kNone);
}

TEST_P(CreateProjectApi, SaysWhenTheDatabaseIsGone) {
  HF_COVERS("T5");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  service.engine().fail({Fault::kUnavailable});
  const Answer gone = service.refused(Service::CreateProject("acme", "web"));
  EXPECT_THAT(gone, Says(StatusCode::kUnavailable, Reason::kDatabaseUnavailable));
  EXPECT_TRUE(IsRetryable(*ReasonOf(gone.status)));
}

TEST_P(CreateProjectApi, FindsTheTrueOutcomeOfALostAnswer) {
  HF_COVERS("T5", "T9");
  for (const Fault fault : {Fault::kLostBefore, Fault::kLostAfter}) {
    Service service(GetParam());
    service.must(Service::CreateOrganization("acme"));
    service.engine().fail({fault});
    const Service::Call call = Service::CreateProject("acme", "web");
    const Json project = service.must(call.method, Once(call));
    EXPECT_THAT(service.names(), SizeIs(kRowsOfAProject + 1));
    // The repeat gets the same answer; another request with this id is a mistake.
    const std::string before = service.dump();
    EXPECT_EQ(service.must(call.method, Once(call)), project);
    EXPECT_EQ(service.dump(), before);
    const Service::Call other = Service::CreateProject("acme", "other");
    EXPECT_THAT(service.refused(other.method, Once(other)),
                Says(StatusCode::kInvalidArgument, Reason::kRequestIdReused));
  }
}

TEST_P(CreateProjectApi, AdmitsThatAnAnswerIsLostWithoutARequestId) {
  HF_COVERS("T5", "T9");
  for (const Fault fault : {Fault::kLostBefore, Fault::kLostAfter}) {
    Service service(GetParam());
    service.must(Service::CreateOrganization("acme"));
    service.engine().fail({fault});
    EXPECT_THAT(service.call(Service::CreateProject("acme", "web")),
                Says(StatusCode::kUnavailable, Reason::kCommitUnknown));
    EXPECT_THAT(service.names(), SizeIs(fault == Fault::kLostAfter ? kRowsOfAProject + 1 : 1));
  }
}

}  // namespace
}  // namespace holdfast::nexus
