#include "holdfast/real/json_request.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/http_fake_dispatcher.h"
#include "holdfast/testing/covers.h"

namespace holdfast::real {
namespace {

std::string FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  google::rpc::BadRequest bad;
  if (!payload.has_value() || !bad.ParseFromString(std::string(*payload))) return "";
  return bad.field_violations(0).field();
}

class Translation : public ::testing::Test {
 public:
  const JsonTranslator& translator() {
    static const auto* shared = new FakeDispatcher();
    static const auto* translator = new JsonTranslator(
        shared->methods(),
        [](const server::MethodInfo& method) { return shared->new_request(method); });
    return *translator;
  }

  JsonTranslation translate(std::string_view method, std::string_view target,
                            std::string_view body = "",
                            std::string_view type = "application/json") {
    return translator().translate({method, target, type, body});
  }

  // "GetVpc name: \"projects/p/vpcs/v\"", or "INVALID_FIELD pageSize: …".
  std::string call(std::string_view method, std::string_view target, std::string_view body = "",
                   std::string_view type = "application/json") {
    const JsonTranslation result = translate(method, target, body, type);
    if (const auto* refusal = std::get_if<JsonRefusal>(&result)) {
      const std::string code = refusal->http_code == 0 ? "" : absl::StrCat(refusal->http_code, " ");
      return absl::StrCat(code, ToAbsl(ReasonText(*ReasonOf(refusal->status))), " ",
                          refusal->status.message());
    }
    const auto& found = std::get<JsonCall>(result);
    const std::string text = found.request->ShortDebugString();
    return found.method->full_name.substr(found.method->full_name.rfind('/') + 1) +
           (text.empty() ? "" : " " + text);
  }

  // The reason and the field that the error names, and nothing of its text.
  std::string refused(std::string_view method, std::string_view target,
                      std::string_view body = "") {
    const JsonTranslation result = translate(method, target, body);
    const auto* refusal = std::get_if<JsonRefusal>(&result);
    if (refusal == nullptr) return "not refused";
    EXPECT_EQ(refusal->status.code(), absl::StatusCode::kInvalidArgument);
    return absl::StrCat(ToAbsl(ReasonText(*ReasonOf(refusal->status))), " ",
                        FieldOf(refusal->status));
  }
};

TEST_F(Translation, FindsEveryVerb) {
  HF_COVERS("B11");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/v"), R"(GetVpc name: "projects/p/vpcs/v")");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs"), R"(ListVpcs parent: "projects/p")");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs:batchGet?names=a&names=b"),
            R"(BatchGetVpcs parent: "projects/p" names: "a" names: "b")");
  EXPECT_EQ(call("POST", "/v1/projects/p/vpcs?vpcId=v", R"({"displayName": "d"})"),
            R"(CreateVpc parent: "projects/p" vpc_id: "v" vpc { display_name: "d" })");
  EXPECT_EQ(call("PATCH", "/v1/projects/p/vpcs/v?updateMask=displayName", "{}"),
            R"(UpdateVpc vpc { name: "projects/p/vpcs/v" } update_mask { paths: "display_name" })");
  EXPECT_EQ(call("DELETE", "/v1/projects/p/vpcs/v?force=true"),
            R"(DeleteVpc name: "projects/p/vpcs/v" force: true)");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/v:watch"), R"(WatchVpc name: "projects/p/vpcs/v")");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs:watch"), R"(WatchVpcs parent: "projects/p")");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/v:explainDelete"),
            R"(ExplainDelete name: "projects/p/vpcs/v")");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/v:referrers"),
            R"(ListReferrers name: "projects/p/vpcs/v")");
  EXPECT_EQ(call("POST", "/v1/test.example.com:transact",
                 R"({"operations": [{"deleteVpc": {"name": "n"}}]})"),
            R"(Transact operations { delete_vpc { name: "n" } })");
}

TEST_F(Translation, FindsAllPatternsOfAKindAndItsTopLevel) {
  HF_COVERS("S26");
  EXPECT_EQ(call("GET", "/v1/projects/p/folders/f"), R"(GetFolder name: "projects/p/folders/f")");
  EXPECT_EQ(call("GET", "/v1/organizations/o/folders/f"),
            R"(GetFolder name: "organizations/o/folders/f")");
  EXPECT_EQ(call("GET", "/v1/organizations/-/folders"), R"(ListFolders parent: "organizations/-")");
  EXPECT_EQ(call("GET", "/v1/images"), "ListImages");
  EXPECT_EQ(call("POST", "/v1/images?image_id=i", "{}"), R"(CreateImage image_id: "i" image { })");
  EXPECT_EQ(call("GET", "/v1/projects/p/regions/r/devices/d"),
            R"(GetDevice name: "projects/p/regions/r/devices/d")");
}

TEST_F(Translation, TakesIdsWithEveryCharacterTheyMayHave) {
  EXPECT_EQ(call("GET", "/v1/images/g++-12~rc1.2:amd64"),
            R"(GetImage name: "images/g++-12~rc1.2:amd64")");
  EXPECT_EQ(call("GET", "/v1/images/g%2B%2B%3Aamd64%25@="),
            R"(GetImage name: "images/g++:amd64%@=")");
  EXPECT_EQ(call("GET", "/v1/images/a:b:watch"), R"(WatchImage name: "images/a:b")");
  EXPECT_EQ(call("GET", "/v1/images/a%3Awatch"), R"(GetImage name: "images/a:watch")");
  EXPECT_EQ(call("GET", "/v1/images/a:nope"), R"(GetImage name: "images/a:nope")");
}

// It would delete what the client didn't mean.
TEST_F(Translation, TakesAVerbForAVerbWhateverTheHttpMethod) {
  EXPECT_EQ(call("DELETE", "/v1/images/a:watch"),
            R"(405 METHOD_UNKNOWN "DELETE" isn't a method of "/v1/images/a:watch"; use GET, HEAD)");
}

TEST_F(Translation, NeverMakesASegmentOfAnEncodedSlash) {
  EXPECT_EQ(call("GET", "/v1/projects%2Fp/vpcs/v").substr(0, 4), "404 ");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/a%2Fb"),
            R"(INVALID_NAME name: an id can't hold a /: "a/b")");
  EXPECT_EQ(refused("GET", "/v1/projects/p%2Fvpcs%2Fv"), "INVALID_NAME name");
  EXPECT_EQ(refused("GET", "/v1/projects/p%2Fx/vpcs"), "INVALID_NAME parent");
  EXPECT_EQ(refused("PATCH", "/v1/projects/p/vpcs/v%2Fw", "{}"), "INVALID_NAME vpc.name");
}

TEST_F(Translation, SaysWhatThereIsForUnknownPathsAndMethods) {
  EXPECT_EQ(call("GET", "/v1/nothing"),
            R"(404 METHOD_UNKNOWN no method has the path "/v1/nothing"; GET /openapi.json lists )"
            "those that there are");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/").substr(0, 4), "404 ");
  EXPECT_EQ(call("GET", "/v1/projects//vpcs").substr(0, 4), "404 ");
  EXPECT_EQ(call("GET", "/v1/projects/p/vpcs/v/more").substr(0, 4), "404 ");
  const JsonTranslation result = translate("PUT", "/v1/projects/p/vpcs/v");
  const auto& refusal = std::get<JsonRefusal>(result);
  EXPECT_EQ(refusal.http_code, 405);
  EXPECT_EQ(absl::StrJoin(refusal.allowed, ","), "DELETE,GET,HEAD,PATCH");
}

TEST_F(Translation, AnswersHeadLikeGet) {
  EXPECT_EQ(call("HEAD", "/v1/images/i"), R"(GetImage name: "images/i")");
}

TEST_F(Translation, TakesParametersInBothCases) {
  HF_COVERS("S25");
  const std::string expected =
      R"(ListVpcs parent: "projects/p" page_size: 5 page_token: "t" filter: "a = \"b c\"" )"
      R"(order_by: "name desc" read_mask { paths: "name" paths: "metadata.create_time" } )"
      R"(show_deleted: true)";
  EXPECT_EQ(call("GET",
                 "/v1/projects/p/vpcs?pageSize=5&pageToken=t&filter=a+%3D+%22b%20c%22&"
                 "orderBy=name+desc&readMask=name,metadata.createTime&showDeleted=true"),
            expected);
  EXPECT_EQ(call("GET",
                 "/v1/projects/p/vpcs?page_size=5&page_token=t&filter=a+%3D+%22b%20c%22&"
                 "order_by=name+desc&read_mask=name&read_mask=metadata.create_time&"
                 "show_deleted=true"),
            expected);
}

TEST_F(Translation, KeepsMapKeysOfMasksAsTheyAre) {
  EXPECT_EQ(call("GET", "/v1/images/i?readMask=metadata.labels.%60aB,c%60,displayName"),
            R"(GetImage name: "images/i" read_mask { paths: "metadata.labels.`aB,c`" )"
            R"(paths: "display_name" })");
}

TEST_F(Translation, RefusesParametersByName) {
  HF_COVERS("S24");
  EXPECT_EQ(refused("GET", "/v1/images?pagesize=5"), "INVALID_FIELD pagesize");
  EXPECT_EQ(refused("GET", "/v1/images?page_size=five"), "INVALID_FIELD page_size");
  EXPECT_EQ(refused("GET", "/v1/images?page_size=99999999999"), "INVALID_FIELD page_size");
  EXPECT_EQ(refused("GET", "/v1/images?page_size="), "INVALID_FIELD page_size");
  EXPECT_EQ(refused("GET", "/v1/images?show_deleted=1"), "INVALID_FIELD show_deleted");
  EXPECT_EQ(refused("GET", "/v1/images?filter=a&filter=b"), "INVALID_FIELD filter");
  EXPECT_EQ(refused("GET", "/v1/images?pageSize=1&page_size=1"), "INVALID_FIELD page_size");
  EXPECT_EQ(refused("GET", "/v1/images?filter.x=a"), "INVALID_FIELD filter.x");
  EXPECT_EQ(refused("GET", "/v1/images?read_mask.paths=a"), "INVALID_FIELD read_mask.paths");
  EXPECT_EQ(refused("GET", "/v1/images/i?name=images%2Fj"), "INVALID_FIELD name");
  EXPECT_EQ(refused("POST", "/v1/images?image.display_name=x", "{}"),
            "INVALID_FIELD image.display_name");
  EXPECT_EQ(refused("POST", "/v1/images?image=x", "{}"), "INVALID_FIELD image");
  EXPECT_EQ(refused("PATCH", "/v1/images/i?image.name=x", "{}"), "INVALID_FIELD image.name");
  EXPECT_EQ(refused("POST", "/v1/test.example.com:transact?validate_only=true", "{}"),
            "INVALID_FIELD validate_only");
}

TEST_F(Translation, RefusesBodiesByField) {
  HF_COVERS("S24");
  const auto create = [this](std::string_view body) {
    return refused("POST", "/v1/projects/p/instances", body);
  };
  EXPECT_EQ(create(R"({"nope": 1})"), "INVALID_FIELD instance.nope");
  EXPECT_EQ(create(R"({"spec": {"nope": 1}})"), "INVALID_FIELD instance.spec.nope");
  EXPECT_EQ(create(R"({"spec": {"routes": [{}, {"nope": 1}]}})"),
            "INVALID_FIELD instance.spec.routes[1].nope");
  EXPECT_EQ(create(R"({"cpus": "many"})"), "INVALID_FIELD instance.cpus");
  EXPECT_EQ(create(R"({"cpus": 1.5})"), "INVALID_FIELD instance.cpus");
  EXPECT_EQ(create(R"({"cpus": 4294967296})"), "INVALID_FIELD instance.cpus");
  EXPECT_EQ(create(R"({"hostname": 5})"), "INVALID_FIELD instance.hostname");
  EXPECT_EQ(create(R"({"size": "HUGE"})"), "INVALID_FIELD instance.size");
  EXPECT_EQ(create(R"({"bootTime": "yesterday"})"), "INVALID_FIELD instance.boot_time");
  EXPECT_EQ(create(R"({"spec": 5})"), "INVALID_FIELD instance.spec");
  EXPECT_EQ(create(R"({"ports": [1, "x"]})"), "INVALID_FIELD instance.ports[1]");
  EXPECT_EQ(refused("POST", "/v1/test.example.com:transact", R"({"operations": [{"x": 1}]})"),
            "INVALID_FIELD operations[0].x");
}

TEST_F(Translation, RefusesBodiesThatAreNoJsonObject) {
  const auto create = [this](std::string_view body) { return refused("POST", "/v1/images", body); };
  EXPECT_EQ(create("null"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("[]"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("5"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("{"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("{} {}"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("{'displayName': 'x'}"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create(R"({"displayName": "x",})"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create("{\"displayName\": \"\xff\"}"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create(R"({"displayName": "\ud800"})"), "MALFORMED_REQUEST image");
  EXPECT_EQ(create(R"({"displayName": "x", "displayName": "y"})"), "MALFORMED_REQUEST image");
  EXPECT_EQ(refused("POST", "/v1/test.example.com:transact", "[]"), "MALFORMED_REQUEST body");
}

TEST_F(Translation, BoundsTheDepthOfBodies) {
  const auto nested = [](size_t depth) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += "[";
    for (size_t i = 0; i < depth; ++i) text += "]";
    return "{\"extra\": {\"a\": " + text + "}}";
  };
  const auto create = [this](std::string_view body) {
    return call("POST", "/v1/projects/p/instances", body).substr(0, 46);
  };
  EXPECT_EQ(create(nested(10)).substr(0, 14), "CreateInstance");
  EXPECT_EQ(create(nested(kMaxJsonDepth + 1)), "MALFORMED_REQUEST instance: is nested more tha");
  EXPECT_EQ(create(nested(1'000'000)), "MALFORMED_REQUEST instance: is nested more tha");
  // Within JSON's limit, but as a Struct three times as deep, which protobuf doesn't read.
  EXPECT_EQ(create(nested(kMaxJsonDepth - 2)).substr(0, 17), "MALFORMED_REQUEST");
}

TEST_F(Translation, TakesBodiesOnlyWhereTheyBelong) {
  EXPECT_EQ(call("GET", "/v1/images", "{}"),
            "MALFORMED_REQUEST body: this method takes none; its fields go into the query");
  EXPECT_EQ(refused("DELETE", "/v1/images/i", R"({"force": true})"), "MALFORMED_REQUEST body");
  EXPECT_EQ(call("GET", "/v1/images", " \n"), "ListImages");
  EXPECT_EQ(call("POST", "/v1/images", ""), "CreateImage") << "the handler wants the field";
}

TEST_F(Translation, TakesJsonByItsName) {
  EXPECT_EQ(call("POST", "/v1/images", "{}", "application/json; charset=utf-8"),
            "CreateImage image { }");
  EXPECT_EQ(call("POST", "/v1/images", "{}", "Application/JSON"), "CreateImage image { }");
  EXPECT_EQ(call("POST", "/v1/images", "{}", "application/x-www-form-urlencoded"),
            "415 MALFORMED_REQUEST Content-Type: must be application/json, not "
            "\"application/x-www-form-urlencoded\"");
  EXPECT_EQ(call("POST", "/v1/images", "{}", "").substr(0, 21), "415 MALFORMED_REQUEST");
}

TEST_F(Translation, RefusesTwoNames) {
  EXPECT_EQ(call("PATCH", "/v1/images/i", R"({"name": "images/i"})"),
            R"(UpdateImage image { name: "images/i" })");
  EXPECT_EQ(call("PATCH", "/v1/images/i", R"({"name": "images/j"})"),
            R"(INVALID_NAME image.name: is "images/i" in the path and "images/j" in the body)");
}

TEST(Routes, HaveNoConflictsInTheTestSchema) {
  const FakeDispatcher dispatcher;
  EXPECT_TRUE(Routes(dispatcher.methods()).conflicts().empty());
}

// Methods that exist for their HTTP rules only.
class MadeUpRoutes : public ::testing::Test {
 public:
  void add(const std::string& name, const std::string& http_method, const std::string& path) {
    auto method = std::make_unique<server::MethodInfo>();
    method->full_name = name;
    method->http.push_back({http_method, path, ""});
    methods_.push_back(std::move(method));
  }
  // "name a=b c=d".
  std::string match(std::string_view http_method, std::string_view target) {
    std::vector<const server::MethodInfo*> methods;
    for (const auto& method : methods_) methods.push_back(method.get());
    const Routes routes(methods);
    conflicts_ = routes.conflicts();
    const auto match = routes.match(http_method, *ParseTarget(target));
    if (!match.ok()) return "refused";
    if (match->route == nullptr) return "allowed " + absl::StrJoin(match->allowed, ",");
    std::string out = match->route->method->full_name;
    for (size_t i = 0; i < match->values.size(); ++i) {
      absl::StrAppend(&out, " ", match->route->variables[i].field_path, "=", match->values[i]);
    }
    return out;
  }

  std::vector<std::unique_ptr<server::MethodInfo>> methods_;
  std::vector<std::string> conflicts_;
};

TEST_F(MadeUpRoutes, PreferLiteralsToStarsToRests) {
  add("rest", "GET", "/v1/{name=a/**}");
  add("star", "GET", "/v1/a/{id}");
  add("literal", "GET", "/v1/a/b");
  EXPECT_EQ(match("GET", "/v1/a/b"), "literal");
  EXPECT_EQ(match("GET", "/v1/a/c"), "star id=c");
  EXPECT_EQ(match("GET", "/v1/a/b/c"), "rest name=a/b/c");
  EXPECT_EQ(match("GET", "/v1/a"), "allowed ");
}

TEST_F(MadeUpRoutes, FallBackWhereThePreferredOneHasNotTheMethod) {
  add("literal", "GET", "/v1/a/b");
  add("star", "POST", "/v1/a/{id}");
  EXPECT_EQ(match("POST", "/v1/a/b"), "star id=b");
  EXPECT_EQ(match("PUT", "/v1/a/b"), "allowed GET,HEAD,POST");
}

TEST_F(MadeUpRoutes, ReportTemplatesThatTwoMethodsHave) {
  add("one", "GET", "/v1/{name=a/*}");
  add("two", "GET", "/v1/{other=a/*}");
  EXPECT_EQ(match("GET", "/v1/a/b"), "one name=a/b");
  EXPECT_EQ(absl::StrJoin(conflicts_, ";"), "GET /v1/{other=a/*}: both one and two");
}

}  // namespace
}  // namespace holdfast::real
