// Bad input of every sort gets INVALID_ARGUMENT with a reason and the field.
#include <limits>

#include "holdfast/base/token.h"
#include "holdfast/server/request.h"
#include "holdfast/server/test_server.h"
#include "holdfast/server/wire.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

struct BadInput {
  std::string what;
  std::string method;
  Json request;
  Reason reason;
  std::string field;
};

void PrintTo(const BadInput& input, std::ostream* out) { *out << input.what; }

Json NewVpc(Json changes) {
  Json request = {{"parent", "projects/p"}, {"vpc_id", "v"}, {"vpc", Json::object()}};
  request.merge_patch(changes);
  return request;
}

Json Instance(Json instance) {
  instance["vpc"] = "projects/p/vpcs/v";
  return {{"parent", "projects/p"}, {"instance_id", "i"}, {"instance", std::move(instance)}};
}

Json Operations(Json operation) { return {{"operations", Json::array({std::move(operation)})}}; }

std::vector<BadInput> ReadNames() {
  const std::string long_name = "projects/p/vpcs/" + std::string(1 << 20, 'x');
  const Reason reason = Reason::kInvalidName;
  return {
      {"NoName", "VpcService/GetVpc", Json::object(), reason, "name"},
      {"MegabyteName", "VpcService/GetVpc", {{"name", long_name}}, reason, "name"},
      {"NameOfAnotherKind", "VpcService/GetVpc", {{"name", "projects/p"}}, reason, "name"},
      {"NameWithWildcard", "VpcService/GetVpc", {{"name", "projects/-/vpcs/v"}}, reason, "name"},
      {"NameWithControlCharacter",
       "VpcService/GetVpc",
       {{"name", "projects/p/vpcs/v\n"}},
       reason,
       "name"},
      {"NameWithNul",
       "VpcService/GetVpc",
       {{"name", std::string("projects/p/vpcs/v\0", 18)}},
       reason,
       "name"},
      {"NameWithDots", "VpcService/GetVpc", {{"name", "projects/../vpcs/v"}}, reason, "name"},
      {"NameWithEmptySegment", "VpcService/GetVpc", {{"name", "projects//vpcs/v"}}, reason, "name"},
      {"NameWithSlashAtTheEnd",
       "VpcService/GetVpc",
       {{"name", "projects/p/vpcs/v/"}},
       reason,
       "name"},
  };
}

std::vector<BadInput> OtherNames() {
  const std::string long_name = "projects/p/vpcs/" + std::string(1 << 20, 'x');
  const Reason reason = Reason::kInvalidName;
  return {
      {"DeleteNoName", "VpcService/DeleteVpc", Json::object(), reason, "name"},
      {"UpdateNoName",
       "VpcService/UpdateVpc",
       {{"vpc", {{"display_name", "x"}}}},
       reason,
       "vpc.name"},
      {"BatchNameOfAnotherKind",
       "VpcService/BatchGetVpcs",
       {{"names", {"projects/p/vpcs/v", "projects/p"}}},
       reason,
       "names[1]"},
      {"BatchNameTwice",
       "VpcService/BatchGetVpcs",
       {{"names", {"projects/p/vpcs/v", "projects/p/vpcs/v"}}},
       reason,
       "names[1]"},
      {"NoParent", "VpcService/ListVpcs", Json::object(), reason, "parent"},
      {"ParentOfAnotherKind",
       "VpcService/ListVpcs",
       {{"parent", "organizations/o"}},
       reason,
       "parent"},
      {"TopLevelWithParent",
       "ProjectService/ListProjects",
       {{"parent", "projects/p"}},
       reason,
       "parent"},
      {"CreateBelowWildcard", "VpcService/CreateVpc", NewVpc({{"parent", "projects/-"}}), reason,
       "parent"},
      {"WatchNoParent", "VpcService/WatchVpcs", Json::object(), reason, "parent"},
      {"ExplainUnknownKind",
       "References/ExplainDelete",
       {{"name", "planets/mars"}},
       reason,
       "name"},
      {"ExplainNoName", "References/ExplainDelete", Json::object(), reason, "name"},
      {"ReferrersOfUnknownKind",
       "References/ListReferrers",
       {{"name", "planets/mars"}},
       reason,
       "name"},
      {"ReferrersOfMegabyteName",
       "References/ListReferrers",
       {{"name", long_name}},
       reason,
       "name"},
      {"ShadowOfUnknownKind",
       "holdfast.mixin.v1.SchemaMixin/GetResourceShadow",
       {{"name", "resourceShadows/planets/mars"}},
       reason,
       "name"},
      {"ShadowWithoutPrefix",
       "holdfast.mixin.v1.SchemaMixin/GetResourceShadow",
       {{"name", "projects/p"}},
       reason,
       "name"},
  };
}

std::vector<BadInput> WriteFields() {
  const Reason reason = Reason::kInvalidField;
  return {
      {"NoId", "VpcService/CreateVpc", NewVpc({{"vpc_id", ""}}), reason, "vpc_id"},
      {"IdWithSlash", "VpcService/CreateVpc", NewVpc({{"vpc_id", "a/b"}}), reason, "vpc_id"},
      {"IdWithSpace", "VpcService/CreateVpc", NewVpc({{"vpc_id", "a b"}}), reason, "vpc_id"},
      {"IdIsWildcard", "VpcService/CreateVpc", NewVpc({{"vpc_id", "-"}}), reason, "vpc_id"},
      {"LongId", "VpcService/CreateVpc", NewVpc({{"vpc_id", std::string(257, 'x')}}), reason,
       "vpc_id"},
      {"NoResource",
       "VpcService/CreateVpc",
       {{"parent", "projects/p"}, {"vpc_id", "v"}},
       reason,
       "vpc"},
      {"UpdateNoResource", "VpcService/UpdateVpc", Json::object(), reason, "vpc"},
      {"LongRequestId", "VpcService/CreateVpc", NewVpc({{"request_id", std::string(129, 'x')}}),
       reason, "request_id"},
      {"UnprintableRequestId", "VpcService/CreateVpc", NewVpc({{"request_id", "a\x01"}}), reason,
       "request_id"},
      {"UnknownEnumValue", "InstanceService/CreateInstance", Instance({{"size", 99}}), reason,
       "instance.size"},
      {"NoOperations", "Transactions/Transact", Json::object(), reason, "operations"},
      {"EmptyOperation", "Transactions/Transact", Operations({{"label", "x"}}), reason,
       "operations[0]"},
      {"UnprintableLabel", "Transactions/Transact",
       Operations({{"label", "a\nb"}, {"delete_project", {{"name", "projects/p"}}}}), reason,
       "operations[0].label"},
      {"InnerRequestId", "Transactions/Transact",
       Operations({{"delete_project", {{"name", "projects/p"}, {"request_id", "x"}}}}), reason,
       "operations[0].delete_project.request_id"},
      {"InnerValidateOnly", "Transactions/Transact",
       Operations({{"delete_project", {{"name", "projects/p"}, {"validate_only", true}}}}), reason,
       "operations[0].delete_project.validate_only"},
      {"InnerId", "Transactions/Transact",
       Operations({{"create_project", {{"project_id", "/"}, {"project", Json::object()}}}}), reason,
       "operations[0].create_project.project_id"},
  };
}

std::vector<BadInput> OtherFields() {
  const Reason reason = Reason::kInvalidField;
  Json many = Json::array();
  for (size_t i = 0; i <= kMaxBatchGet; ++i) many.push_back(absl::StrCat("projects/p/vpcs/v", i));
  return {
      {"NegativePageSize",
       "VpcService/ListVpcs",
       {{"parent", "projects/p"}, {"page_size", -1}},
       reason,
       "page_size"},
      {"NegativeWatchPage",
       "VpcService/WatchVpcs",
       {{"parent", "projects/p"}, {"page_size", -1}},
       reason,
       "page_size"},
      {"NegativeSamples",
       "References/ExplainDelete",
       {{"name", "projects/p"}, {"samples", -1}},
       reason,
       "samples"},
      {"BatchOfNothing", "VpcService/BatchGetVpcs", Json::object(), reason, "names"},
      {"BatchOfTooMany", "VpcService/BatchGetVpcs", {{"names", many}}, reason, "names"},
      {"UnknownService",
       "holdfast.mixin.v1.SchemaMixin/ListResourceShadows",
       {{"service", "other.example.com"}},
       reason,
       "service"},
      {"UnknownVersion",
       "holdfast.mixin.v1.SchemaMixin/ListResourceShadows",
       {{"service", "test.example.com"}, {"version", "v9"}},
       reason,
       "version"},
      {"UnknownKind",
       "holdfast.mixin.v1.SchemaMixin/ListResourceShadows",
       {{"service", "test.example.com"}, {"kind", "test.example.com/Planet"}},
       reason,
       "kind"},
      {"FsckOfUnknownService",
       "holdfast.admin.v1.Admin/Fsck",
       {{"service", "other"}},
       reason,
       "service"},
  };
}

std::vector<BadInput> Expressions() {
  const Json list = {{"parent", "projects/p"}};
  const auto with = [&list](const char* field, const std::string& value) {
    Json request = list;
    request[field] = value;
    return request;
  };
  return {
      {"Filter", "VpcService/ListVpcs", with("filter", "nothing = 1"), Reason::kInvalidFilter,
       "filter"},
      {"FilterSyntax", "VpcService/ListVpcs", with("filter", "a = ("), Reason::kInvalidFilter,
       "filter"},
      {"WatchFilter", "VpcService/WatchVpcs", with("filter", "nothing = 1"), Reason::kInvalidFilter,
       "filter"},
      {"OrderBy", "VpcService/ListVpcs", with("order_by", "nothing"), Reason::kInvalidOrderBy,
       "order_by"},
      {"ReadMask", "VpcService/ListVpcs", with("read_mask", "nothing"), Reason::kInvalidMask,
       "read_mask"},
      {"GetReadMask",
       "ProjectService/GetProject",
       {{"name", "projects/p"}, {"read_mask", "nothing"}},
       Reason::kInvalidMask,
       "read_mask"},
      {"UpdateMask",
       "ProjectService/UpdateProject",
       {{"project", {{"name", "projects/p"}}}, {"update_mask", "nothing"}},
       Reason::kInvalidMask,
       "update_mask"},
      {"ForgedPageToken", "VpcService/ListVpcs", with("page_token", "Zm9yZ2Vk"),
       Reason::kInvalidPageToken, "page_token"},
      {"ForgedReferrersToken",
       "References/ListReferrers",
       {{"name", "projects/p"}, {"page_token", "x"}},
       Reason::kInvalidPageToken,
       "page_token"},
      {"ForgedShadowsToken",
       "holdfast.mixin.v1.SchemaMixin/ListResourceShadows",
       {{"page_token", "x"}},
       Reason::kInvalidPageToken,
       "page_token"},
      {"ForgedResumeToken", "VpcService/WatchVpcs", with("resume_token", "Zm9yZ2Vk"),
       Reason::kInvalidResumeToken, "resume_token"},
      {"MegabyteToken", "VpcService/WatchVpcs", with("resume_token", std::string(1 << 20, 'A')),
       Reason::kInvalidResumeToken, "resume_token"},
      {"ForgedShadowsResumeToken",
       "holdfast.mixin.v1.SchemaMixin/WatchResourceShadows",
       {{"resume_token", "x"}},
       Reason::kInvalidResumeToken,
       "resume_token"},
  };
}

class BadInputTest : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, IsRefusedWithReasonAndField) {
  TestServer server;
  const BadInput& input = GetParam();
  if (server.method(input.method).server_streaming) {
    const Stream& stream = server.stream(input.method, input.request);
    ASSERT_TRUE(stream.ended.has_value());
    EXPECT_THAT((Answer{*stream.ended, {}}), Refuses(input.reason, input.field));
    EXPECT_EQ(stream.ended->code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  const Answer answer = server.call(input.method, input.request);
  EXPECT_THAT(answer, Refuses(input.reason, input.field));
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInvalidArgument);
}

std::string TestName(const ::testing::TestParamInfo<BadInput>& info) { return info.param.what; }

INSTANTIATE_TEST_SUITE_P(ReadNames, BadInputTest, ::testing::ValuesIn(ReadNames()), TestName);
INSTANTIATE_TEST_SUITE_P(OtherNames, BadInputTest, ::testing::ValuesIn(OtherNames()), TestName);
INSTANTIATE_TEST_SUITE_P(WriteFields, BadInputTest, ::testing::ValuesIn(WriteFields()), TestName);
INSTANTIATE_TEST_SUITE_P(OtherFields, BadInputTest, ::testing::ValuesIn(OtherFields()), TestName);
INSTANTIATE_TEST_SUITE_P(Expressions, BadInputTest, ::testing::ValuesIn(Expressions()), TestName);

TEST(BadInput, PageTokensAreForOneRequest) {
  HF_COVERS("S25");
  TestServer server;
  for (const char* id : {"a", "b", "c"}) server.given_project(id);
  const Json page = server.must("ProjectService/ListProjects", {{"page_size", 1}});
  const Json token = page.at("next_page_token");
  EXPECT_THAT(server.call("ProjectService/ListProjects",
                          {{"page_token", token}, {"filter", "display_name = \"x\""}}),
              Refuses(Reason::kInvalidPageToken, "page_token"));
  EXPECT_THAT(server.call("ProjectService/ListProjects", {{"page_token", token}, {"page_size", 2}}),
              Succeeds());
  std::string damaged = token;
  damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_THAT(server.call("ProjectService/ListProjects", {{"page_token", damaged}}),
              Refuses(Reason::kInvalidPageToken, "page_token"));
}

TEST(BadInput, PageTokensAreForOneDatabase) {
  TestServer here;
  for (const char* id : {"a", "b"}) here.given_project(id);
  const Json page = here.must("ProjectService/ListProjects", {{"page_size", 1}});
  // What another database would have sealed with the same key.
  std::string payload = *OpenToken("secret", "page", page.at("next_page_token").get<std::string>());
  payload.replace(payload.find("memory"), 6, "backup");
  EXPECT_THAT(here.call("ProjectService/ListProjects",
                        {{"page_token", SealToken("secret", "page", payload)}}),
              Refuses(Reason::kInvalidPageToken, "page_token"));
  EXPECT_THAT(here.call("ProjectService/ListProjects",
                        {{"page_token", SealToken("secret", "page", payload + "x")}}),
              Refuses(Reason::kInvalidPageToken, "page_token"));
}

TEST(BadInput, TooManyOperationsAreRefusedAtTheLimit) {
  TestServer server({.max_batch_ops = 3});
  Json operations = Json::array();
  for (const char* id : {"a", "b", "c"}) {
    operations.push_back({{"create_project", {{"project_id", id}, {"project", Json::object()}}}});
  }
  EXPECT_THAT(server.call("Transactions/Transact", {{"operations", operations}}), Succeeds());
  operations.push_back({{"delete_project", {{"name", "projects/a"}}}});
  EXPECT_THAT(server.call("Transactions/Transact", {{"operations", operations}}),
              Refuses(Reason::kTooManyOperations, "operations"));
}

// Values that JSON can't carry, but the wire can.
TEST(BadInput, ValuesThatNobodyCouldShowAreRefused) {
  TestServer server;
  const auto with = [&server](const std::function<void(google::protobuf::Message&)>& change) {
    auto request = server.request(
        "InstanceService/CreateInstance",
        {{"parent", "projects/p"},
         {"instance_id", "i"},
         {"instance",
          {{"boot_time", "2024-01-01T00:00:00Z"}, {"uptime", "1s"}, {"extra", {{"a", 1}}}}}});
    const auto* field = request->GetDescriptor()->FindFieldByName("instance");
    change(*request->GetReflection()->MutableMessage(request.get(), field));
    return server.call("InstanceService/CreateInstance", std::move(request));
  };
  const auto part = [](google::protobuf::Message& message, const char* name) {
    return message.GetReflection()->MutableMessage(&message,
                                                   message.GetDescriptor()->FindFieldByName(name));
  };
  EXPECT_THAT(with([&](auto& instance) {
                static_cast<google::protobuf::Timestamp*>(part(instance, "boot_time"))
                    ->set_seconds(std::numeric_limits<int64_t>::max());
              }),
              Refuses(Reason::kInvalidField, "instance.boot_time"));
  EXPECT_THAT(
      with([&](auto& instance) {
        static_cast<google::protobuf::Timestamp*>(part(instance, "boot_time"))->set_nanos(-1);
      }),
      Refuses(Reason::kInvalidField, "instance.boot_time"));
  EXPECT_THAT(with([&](auto& instance) {
                static_cast<google::protobuf::Duration*>(part(instance, "uptime"))
                    ->set_nanos(std::numeric_limits<int32_t>::min());
              }),
              Refuses(Reason::kInvalidField, "instance.uptime"));
  EXPECT_THAT(
      with([&](auto& instance) {
        auto& fields =
            *static_cast<google::protobuf::Struct*>(part(instance, "extra"))->mutable_fields();
        fields["a"].set_number_value(std::numeric_limits<double>::quiet_NaN());
      }),
      FailsWith(Reason::kInvalidField));
}

// What the bytes of a request can be, beside well-formed.
TEST(BadInput, BrokenBytesAreToldWithTheField) {
  TestServer server;
  const auto explain = [&server](const std::string& bytes) {
    const MethodInfo& method = server.method("InstanceService/CreateInstance");
    EXPECT_FALSE(server.dispatcher().new_request(method)->ParseFromString(bytes));
    return Answer{ExplainMalformed(method.request, bytes), {}};
  };
  const auto request = server.request(
      "InstanceService/CreateInstance",
      {{"parent", "projects/p"}, {"instance", {{"display_name", "abc"}, {"zones", {"z"}}}}});
  std::string bytes = request->SerializeAsString();
  EXPECT_THAT(explain(bytes.substr(0, bytes.size() - 1)),
              Refuses(Reason::kMalformedRequest, "instance"));
  EXPECT_THAT(explain("\x0a"), Refuses(Reason::kMalformedRequest, "parent"));
  EXPECT_THAT(explain(std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)),
              Refuses(Reason::kMalformedRequest, ""));
  bytes.replace(bytes.find("abc"), 3, "a\xffz");
  EXPECT_THAT(explain(bytes), Refuses(Reason::kMalformedRequest, "instance.display_name"));
}

TEST(BadInput, AFieldOfTheWrongWireTypeIsRefused) {
  TestServer server;
  auto request = server.dispatcher().new_request(server.method("ProjectService/GetProject"));
  // Field 1, `name`, as a number.
  ASSERT_TRUE(request->ParseFromString("\x08\x01"));
  EXPECT_THAT(server.call("ProjectService/GetProject", std::move(request)),
              Refuses(Reason::kInvalidField, "name"));
}

TEST(BadInput, MessagesThatAreTooDeepAreRefused) {
  TestServer server;
  auto request = server.request("InstanceService/CreateInstance",
                                {{"parent", "projects/p"}, {"instance_id", "i"}});
  google::protobuf::Message* at = request->GetReflection()->MutableMessage(
      request.get(), request->GetDescriptor()->FindFieldByName("instance"));
  at = at->GetReflection()->MutableMessage(at, at->GetDescriptor()->FindFieldByName("tree"));
  for (int i = 0; i < 100; ++i) {
    at = at->GetReflection()->AddMessage(at, at->GetDescriptor()->FindFieldByName("branches"));
  }
  EXPECT_THAT(server.call("InstanceService/CreateInstance", std::move(request)),
              FailsWith(Reason::kMalformedRequest));
}

}  // namespace
}  // namespace holdfast::server
