#include "holdfast/schema/derive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/api/annotations.pb.h"
#include "google/api/client.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "holdfast/schema/testdata.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DerivedApiTest : public ::testing::Test {
 protected:
  const Method& method(const std::string& name) {
    const Method* found = schema_->find_method("/test.v1." + name);
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }
  // "name=1 type=2 …" of a message of the derived file.
  std::string fields(const std::string& message) {
    const pb::Descriptor* found = schema_->pool().FindMessageTypeByName("test.v1." + message);
    if (found == nullptr) return "no such message";
    std::vector<std::string> parts;
    for (int i = 0; i < found->field_count(); ++i) {
      const pb::FieldDescriptor* field = found->field(i);
      const std::string type = field->message_type() != nullptr ? field->message_type()->name()
                               : field->enum_type() != nullptr  ? field->enum_type()->name()
                                                                : field->type_name();
      parts.push_back(absl::StrCat(field->is_repeated() ? "repeated " : "", type, " ",
                                   field->name(), "=", field->number()));
    }
    return absl::StrJoin(parts, ", ");
  }
  std::vector<std::string> http(const std::string& name) {
    std::vector<std::string> rules;
    for (const HttpRule& rule : method(name).http) {
      rules.push_back(
          absl::StrCat(rule.http_method, " ", rule.path, rule.body.empty() ? "" : " " + rule.body));
    }
    return rules;
  }

  std::unique_ptr<Schema> schema_ = LoadTestSchema();
};

// Clients are compiled against these: a change here breaks them all.
TEST_F(DerivedApiTest, HasThePromisedMessages) {
  EXPECT_EQ(fields("GetVpcRequest"), "string name=1, FieldMask read_mask=2");
  EXPECT_EQ(fields("BatchGetVpcsRequest"),
            "string parent=1, repeated string names=2, FieldMask read_mask=3");
  EXPECT_EQ(fields("BatchGetVpcsResponse"), "repeated Vpc vpcs=1, string revision=2");
  EXPECT_EQ(fields("ListVpcsRequest"),
            "string parent=1, int32 page_size=2, string page_token=3, string filter=4, "
            "string order_by=5, FieldMask read_mask=6, bool show_deleted=7");
  EXPECT_EQ(fields("ListVpcsResponse"),
            "repeated Vpc vpcs=1, string next_page_token=2, string revision=3");
  EXPECT_EQ(fields("CreateVpcRequest"),
            "string parent=1, string vpc_id=2, Vpc vpc=3, string request_id=4, "
            "bool validate_only=5");
  EXPECT_EQ(fields("UpdateVpcRequest"),
            "Vpc vpc=1, FieldMask update_mask=2, bool allow_missing=3, string request_id=4, "
            "bool validate_only=5");
  EXPECT_EQ(fields("DeleteVpcRequest"),
            "string name=1, string etag=2, bool force=3, bool allow_missing=4, "
            "string request_id=5, bool validate_only=6, string plan_digest=7");
  EXPECT_EQ(fields("WatchVpcRequest"),
            "string name=1, string resume_token=2, FieldMask read_mask=3");
  EXPECT_EQ(fields("WatchVpcsRequest"),
            "string parent=1, string filter=2, string resume_token=3, FieldMask read_mask=4, "
            "int32 page_size=5");
  EXPECT_EQ(fields("WatchVpcsResponse"),
            "repeated VpcChange changes=1, string resume_token=2, WatchPhase phase=3, "
            "bool bookmark=4, string revision=5");
  EXPECT_EQ(fields("VpcChange"),
            "ChangeType type=1, string name=2, Vpc vpc=3, string resource_version=4");
  EXPECT_EQ(fields("TransactRequest"),
            "repeated TransactOperation operations=1, string request_id=2, bool validate_only=3");
  EXPECT_EQ(fields("TransactResponse"), "repeated TransactResult results=1, string revision=2");
}

TEST_F(DerivedApiTest, NumbersTransactFieldsByTheirNames) {
  const std::string operation = fields("TransactOperation");
  EXPECT_THAT(operation, HasSubstr("string label=1, "));
  // Written out: computed once by an independent FNV-1a, and kept for ever.
  EXPECT_THAT(operation, HasSubstr("CreateVpcRequest create_vpc=83639350,"));
  EXPECT_THAT(operation, HasSubstr("UpdateVpcRequest update_vpc=394450192,"));
  EXPECT_THAT(operation, HasSubstr("DeleteVpcRequest delete_vpc=202114052"));
  EXPECT_THAT(fields("TransactResult"), HasSubstr("string label=1, Empty deleted=2, "));
  EXPECT_THAT(fields("TransactResult"), HasSubstr("Vpc vpc=246219974"));
  const auto* message = schema_->pool().FindMessageTypeByName("test.v1.TransactOperation");
  EXPECT_EQ(message->FindFieldByName("create_vpc")->containing_oneof()->name(), "operation");
  EXPECT_EQ(message->FindFieldByName("label")->containing_oneof(), nullptr);
}

TEST_F(DerivedApiTest, KeepsNumbersWhenKindsComeAndGo) {
  const std::string one = R"(syntax = "proto3"; package p.v1;
    import "google/api/resource.proto"; import "holdfast/annotations.proto";
    import "holdfast/meta.proto";
    option (holdfast.service) = { domain: "p.example.com" version: "v1" };
    message Vpc {
      option (google.api.resource) = { type: "p.example.com/Vpc" pattern: "vpcs/{vpc}"
                                       plural: "vpcs" };
      string name = 1;
      holdfast.Meta metadata = 2;
    })";
  const auto alone = LoadTexts({{"p.proto", one}});
  ASSERT_TRUE(alone.ok()) << alone.status();
  auto number = [](const Schema& schema, const std::string& message) {
    return schema.pool().FindMessageTypeByName(message)->FindFieldByName("create_vpc")->number();
  };
  EXPECT_EQ(number(**alone, "p.v1.TransactOperation"),
            number(*schema_, "test.v1.TransactOperation"));
}

TEST_F(DerivedApiTest, MapsMethodsToHttp) {
  EXPECT_THAT(http("VpcService/GetVpc"), ElementsAre("GET /v1/{name=projects/*/vpcs/*}"));
  EXPECT_THAT(http("VpcService/BatchGetVpcs"),
              ElementsAre("GET /v1/{parent=projects/*}/vpcs:batchGet"));
  EXPECT_THAT(http("VpcService/ListVpcs"), ElementsAre("GET /v1/{parent=projects/*}/vpcs"));
  EXPECT_THAT(http("VpcService/CreateVpc"), ElementsAre("POST /v1/{parent=projects/*}/vpcs vpc"));
  EXPECT_THAT(http("VpcService/UpdateVpc"),
              ElementsAre("PATCH /v1/{vpc.name=projects/*/vpcs/*} vpc"));
  EXPECT_THAT(http("VpcService/DeleteVpc"), ElementsAre("DELETE /v1/{name=projects/*/vpcs/*}"));
  EXPECT_THAT(http("VpcService/WatchVpc"), ElementsAre("GET /v1/{name=projects/*/vpcs/*}:watch"));
  EXPECT_THAT(http("VpcService/WatchVpcs"), ElementsAre("GET /v1/{parent=projects/*}/vpcs:watch"));
  EXPECT_THAT(http("ProjectService/ListProjects"), ElementsAre("GET /v1/projects"));
  EXPECT_THAT(http("ProjectService/CreateProject"), ElementsAre("POST /v1/projects project"));
  EXPECT_THAT(http("DeviceService/ListDevices"),
              ElementsAre("GET /v1/{parent=projects/*/regions/*}/devices"));
  EXPECT_THAT(http("FolderService/GetFolder"),
              ElementsAre("GET /v1/{name=projects/*/folders/*}",
                          "GET /v1/{name=organizations/*/folders/*}"));
  EXPECT_THAT(http("Transactions/Transact"), ElementsAre("POST /v1/test.example.com:transact *"));
  EXPECT_THAT(http("References/ExplainDelete"),
              ::testing::Contains("GET /v1/{name=projects/*/vpcs/*}:explainDelete"));
  EXPECT_EQ(http("References/ListReferrers").size(), 15u) << "one for each pattern";
  EXPECT_THAT(http("References/ListReferrers"),
              ::testing::Contains("GET /v1/{name=organizations/*/folders/*}:referrers"));
}

TEST_F(DerivedApiTest, SaysTheSameInGoogleApiHttp) {
  const auto& rule =
      method("FolderService/UpdateFolder").descriptor->options().GetExtension(google::api::http);
  EXPECT_EQ(rule.patch(), "/v1/{folder.name=projects/*/folders/*}");
  EXPECT_EQ(rule.body(), "folder");
  ASSERT_EQ(rule.additional_bindings_size(), 1);
  EXPECT_EQ(rule.additional_bindings(0).patch(), "/v1/{folder.name=organizations/*/folders/*}");
  EXPECT_EQ(rule.additional_bindings(0).body(), "folder");
}

TEST_F(DerivedApiTest, AnnotatesForClientsAndLinters) {
  const Method& create = method("VpcService/CreateVpc");
  EXPECT_EQ(create.descriptor->options().GetExtension(google::api::method_signature, 0),
            "parent,vpc,vpc_id");
  const auto& parent = create.request->FindFieldByName("parent")->options();
  EXPECT_EQ(parent.GetExtension(google::api::field_behavior, 0), google::api::REQUIRED);
  EXPECT_EQ(parent.GetExtension(google::api::resource_reference).child_type(),
            "test.example.com/Vpc");
  const auto& top = method("ProjectService/ListProjects").request->FindFieldByName("parent");
  EXPECT_EQ(top->options().ExtensionSize(google::api::field_behavior), 0)
      << "at the top the parent is empty";
}

TEST_F(DerivedApiTest, SaysWhatEachMethodIs) {
  const Method& watch = method("VpcService/WatchVpc");
  EXPECT_EQ(watch.verb, Verb::kWatch);
  EXPECT_TRUE(watch.server_streaming);
  EXPECT_EQ(watch.response->name(), "WatchVpcsResponse");
  EXPECT_EQ(watch.kind, schema_->find_kind(KindName("test.example.com/Vpc")));
  EXPECT_EQ(method("VpcService/DeleteVpc").response->full_name(), "google.protobuf.Empty");
  EXPECT_FALSE(method("VpcService/DeleteVpc").server_streaming);
  const Method& explain = method("References/ExplainDelete");
  EXPECT_EQ(explain.kind, nullptr);
  EXPECT_EQ(explain.request->full_name(), "holdfast.v1.ExplainDeleteRequest");
  EXPECT_EQ(schema_->methods().size(), 14u * 8 + 3);
  EXPECT_EQ(schema_->services()[0]->methods, schema_->methods());
  EXPECT_EQ(schema_->find_method("/test.v1.VpcService/Nothing"), nullptr);
  EXPECT_EQ(schema_->find_method("test.v1.VpcService/GetVpc"), nullptr) << "no leading slash";
}

TEST_F(DerivedApiTest, TellsWhatATransactOperationDoes) {
  const auto& fields = schema_->services()[0]->transact_fields;
  ASSERT_EQ(fields.size(), 14u * 3);
  for (const TransactField& field : fields) {
    const std::string verb = field.verb == Verb::kCreate   ? "create_"
                             : field.verb == Verb::kUpdate ? "update_"
                                                           : "delete_";
    EXPECT_EQ(field.field->name(), verb + field.kind->singular);
  }
}

TEST_F(DerivedApiTest, CommentsItsMethods) {
  pb::SourceLocation location;
  ASSERT_TRUE(method("VpcService/CreateVpc").descriptor->GetSourceLocation(&location));
  EXPECT_EQ(location.leading_comments, " Creates a resource.\n");
}

TEST(Words, ChangeCase) {
  EXPECT_EQ(ToSnakeCase("FirewallRule"), "firewall_rule");
  EXPECT_EQ(ToSnakeCase("firewallRules"), "firewall_rules");
  EXPECT_EQ(ToSnakeCase("DNSZone"), "dns_zone");
  EXPECT_EQ(ToSnakeCase("Ipv4Range"), "ipv4_range");
  EXPECT_EQ(ToSnakeCase("already_snake"), "already_snake");
  EXPECT_EQ(ToPascalCase("firewall_rules"), "FirewallRules");
  EXPECT_THAT(ToPascalCase(""), IsEmpty());
}

}  // namespace
}  // namespace holdfast::schema
