#include "holdfast/server/openapi.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/server/openapi_path.h"
#include "holdfast/testing/covers.h"

namespace holdfast::server {
namespace {

using Json = nlohmann::json;

class OpenApi : public ::testing::Test {
 public:
  OpenApi() : schema_(schema::LoadTestSchema()) {
    for (const schema::Method* method : schema_->methods()) {
      infos_.push_back(std::make_unique<MethodInfo>(
          MethodInfo{method->full_name, method->request, method->response, method->server_streaming,
                     method->http}));
      methods_.push_back(infos_.back().get());
    }
    document_ = Json::parse(text());
  }

  [[nodiscard]] std::string text() const {
    return BuildOpenApi(methods_, {schema_.get()}, {.title = "Test", .version = "7"});
  }
  [[nodiscard]] const Json& operation(const std::string& path, const std::string& verb) const {
    return document_.at("paths").at(path).at(verb);
  }
  // "page_size:query", in order.
  [[nodiscard]] std::string parameters(const std::string& path, const std::string& verb) const {
    std::vector<std::string> out;
    for (const Json& p : operation(path, verb).value("parameters", Json::array())) {
      out.push_back(
          absl::StrCat(p.at("name").get<std::string>(), ":", p.at("in").get<std::string>()));
    }
    return absl::StrJoin(out, " ");
  }
  [[nodiscard]] const Json& component(const std::string& name) const {
    return document_.at("components").at("schemas").at(name);
  }

  std::unique_ptr<schema::Schema> schema_;
  std::vector<std::unique_ptr<MethodInfo>> infos_;
  std::vector<const MethodInfo*> methods_;
  Json document_;
};

void ForEachObject(const Json& json, const std::function<void(const Json&)>& f) {
  if (json.is_object()) f(json);
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) ForEachObject(value, f);
}

TEST_F(OpenApi, HasEveryMethodAtEveryPath) {
  HF_COVERS("B11");
  size_t rules = 0;
  for (const MethodInfo* method : methods_) rules += method->http.size();
  size_t operations = 0;
  std::set<std::string> names;
  for (const auto& [path, item] : document_.at("paths").items()) {
    operations += item.size();
    for (const auto& [verb, operation] : item.items()) {
      names.insert(operation.at("operationId").get<std::string>());
    }
  }
  EXPECT_EQ(operations, rules) << "one hid another";
  EXPECT_EQ(names.size(), rules) << "an operationId was given twice";
  for (const MethodInfo* method : methods_) {
    const size_t slash = method->full_name.rfind('/');
    const std::string service = method->full_name.substr(1, slash - 1);
    EXPECT_TRUE(names.contains(absl::StrCat(service.substr(service.rfind('.') + 1), "_",
                                            method->full_name.substr(slash + 1))))
        << method->full_name;
  }
}

TEST_F(OpenApi, ResolvesEveryReference) {
  size_t references = 0;
  ForEachObject(document_, [&](const Json& object) {
    if (!object.contains("$ref")) return;
    ++references;
    const std::string target = object.at("$ref").get<std::string>().substr(1);
    EXPECT_TRUE(document_.contains(Json::json_pointer(target))) << target;
    EXPECT_EQ(object.size(), 1u) << "OpenAPI 3.0 ignores what stands beside " << target;
  });
  EXPECT_GT(references, 100u);
}

// And each of them is declared: required by OpenAPI.
TEST_F(OpenApi, DeclaresEveryVariableOfAPath) {
  for (const auto& [path, item] : document_.at("paths").items()) {
    for (const auto& [verb, operation] : item.items()) {
      std::string rest = path;
      for (const Json& parameter : operation.value("parameters", Json::array())) {
        if (parameter.at("in") != "path") continue;
        const std::string variable = "{" + parameter.at("name").get<std::string>() + "}";
        const size_t at = rest.find(variable);
        ASSERT_NE(at, std::string::npos) << verb << " " << path << " hasn't " << variable;
        rest.erase(at, variable.size());
        EXPECT_TRUE(parameter.at("required").get<bool>());
      }
      EXPECT_EQ(rest.find('{'), std::string::npos) << verb << " " << path;
    }
  }
}

TEST_F(OpenApi, SpreadsNamesOverThePath) {
  EXPECT_EQ(parameters("/v1/projects/{project}/vpcs/{vpc}", "get"),
            "project:path vpc:path readMask:query");
  EXPECT_EQ(parameters("/v1/projects/{project}/vpcs/{vpc}", "patch"),
            "project:path vpc:path updateMask:query allowMissing:query requestId:query "
            "validateOnly:query");
  EXPECT_EQ(parameters("/v1/images", "get"),
            "parent:query pageSize:query pageToken:query filter:query orderBy:query "
            "readMask:query showDeleted:query");
  EXPECT_EQ(parameters("/v1/organizations/{organization}/folders/{folder}:explainDelete", "get"),
            "organization:path folder:path force:query samples:query");
  EXPECT_EQ(parameters("/v1/test.example.com:transact", "post"), "");
}

TEST_F(OpenApi, ShowsBodiesAndResponses) {
  const Json& create = operation("/v1/projects/{project}/vpcs", "post");
  const auto schema = [](const Json& holder, const char* type) {
    return holder.at("content").at(type).at("schema");
  };
  EXPECT_EQ(schema(create.at("requestBody"), "application/json"),
            Json({{"$ref", "#/components/schemas/test.v1.Vpc"}}));
  EXPECT_EQ(schema(create.at("responses").at("200"), "application/json"),
            Json({{"$ref", "#/components/schemas/test.v1.Vpc"}}));
  EXPECT_EQ(create.at("responses").at("default").at("$ref"), "#/components/responses/Error");
  EXPECT_EQ(create.at("summary"), "Creates a resource.");
  const Json& remove = operation("/v1/projects/{project}/vpcs/{vpc}", "delete");
  EXPECT_FALSE(remove.contains("requestBody"));
  EXPECT_EQ(schema(remove.at("responses").at("200"), "application/json"),
            Json({{"type", "object"}}));
  const Json& watch = operation("/v1/projects/{project}/vpcs:watch", "get");
  EXPECT_EQ(schema(watch.at("responses").at("200"), "application/x-ndjson")
                .at("oneOf")
                .at(0)
                .at("properties")
                .at("result")
                .at("$ref"),
            "#/components/schemas/test.v1.WatchVpcsResponse");
}

TEST_F(OpenApi, ShowsProtobufsJson) {
  const Json& fields = component("test.v1.Instance").at("properties");
  EXPECT_EQ(fields.at("memoryBytes"), Json({{"type", "string"}, {"format", "int64"}}));
  EXPECT_EQ(fields.at("serial"), Json({{"type", "string"}, {"format", "uint64"}}));
  EXPECT_EQ(fields.at("cpus"), Json({{"type", "integer"}, {"format", "int32"}}));
  EXPECT_EQ(fields.at("secret"), Json({{"type", "string"}, {"format", "byte"}}));
  EXPECT_EQ(fields.at("bootTime"), Json({{"type", "string"}, {"format", "date-time"}}));
  EXPECT_EQ(fields.at("size"), Json({{"$ref", "#/components/schemas/test.v1.Instance.Size"}}));
  EXPECT_EQ(fields.at("ports").at("items"), Json({{"type", "integer"}, {"format", "int32"}}));
  EXPECT_EQ(fields.at("mounts").at("additionalProperties"),
            Json({{"$ref", "#/components/schemas/test.v1.Instance.Mount"}}));
  EXPECT_EQ(fields.at("nickname"), Json({{"type", "string"}, {"nullable", true}}));
  EXPECT_EQ(fields.at("extra").at("type"), "object");
  EXPECT_EQ(component("test.v1.Instance.Size").at("enum"),
            Json({"SIZE_UNSPECIFIED", "SMALL", "LARGE"}));
  EXPECT_TRUE(component("holdfast.Meta").at("properties").at("createTime").at("readOnly"));
}

TEST_F(OpenApi, ShowsWhatTheSchemaSays) {
  EXPECT_EQ(component("test.v1.Instance").at("required"), Json({"vpc"}));
  EXPECT_EQ(component("test.v1.Gateway").at("properties").at("vpc").at("description"),
            "A and B may refer to each other.");
  EXPECT_EQ(component("test.v1.Gateway").at("properties").at("vpc").at("x-resource-type"),
            "test.example.com/Vpc");
  EXPECT_EQ(document_.at("info"), Json({{"title", "Test"}, {"version", "7"}}));
}

TEST_F(OpenApi, IsTheSameEveryTime) { EXPECT_EQ(text(), text()); }

TEST_F(OpenApi, NamesVariablesThatNoPatternHas) {
  const VariableNames names({schema_.get()});
  EXPECT_EQ(names.expand("/v1/{name=things/*}:do").text, "/v1/things/{things_id}:do");
  EXPECT_EQ(names.expand("/v1/{id}/x").text, "/v1/{id}/x");
  const OpenApiPath rest = names.expand("/m/{name=resourceShadows/**}");
  EXPECT_EQ(rest.text, "/m/resourceShadows/{resourceShadows_id}");
  EXPECT_TRUE(rest.variables.at(0).has_slashes);
  EXPECT_EQ(names.expand("/v1/{a=x/*}/{b=x/*}").text, "/v1/x/{x_id}/x/{x_id_}");
}

}  // namespace
}  // namespace holdfast::server
