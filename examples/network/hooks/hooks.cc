#include "examples/network/hooks/hooks.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/network/hooks/cidr.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::network {
namespace {

using google::protobuf::Message;
using store::HookContext;
using store::WriteOp;

// The hooks work on messages whose types are known only at run time: fields by name.
void SetString(Message& message, const char* field, std::string value) {
  message.GetReflection()->SetString(&message, message.GetDescriptor()->FindFieldByName(field),
                                     std::move(value));
}
std::string GetString(const Message& message, const char* field) {
  return message.GetReflection()->GetString(message,
                                            message.GetDescriptor()->FindFieldByName(field));
}

const schema::Kind& KindOf(HookContext& context, std::string_view message_name) {
  const schema::Kind* kind = context.schema().find_kind(
      KindName(absl::StrCat("network.example.com/", ToAbsl(message_name))));
  HF_CHECK(kind != nullptr) << "network.proto has no kind " << message_name;
  return *kind;
}

// A creation of `parent`/`collection`/`id` that the caller still fills in.
WriteOp Creation(HookContext& context, std::string_view message_name, std::string_view parent,
                 std::string_view id) {
  const schema::Kind& kind = KindOf(context, message_name);
  WriteOp op;
  op.type = WriteOp::Type::kCreate;
  op.kind = &kind;
  op.name = ResourceName(
      absl::StrCat(ToAbsl(parent), "/", kind.patterns[0].collection(), "/", ToAbsl(id)));
  op.resource = context.schema().new_message(kind.message);
  return op;
}

class ProjectHook : public store::Hook {
 public:
  Task<absl::Status> before_commit(HookContext& context, WriteOp::Type type,
                                   const Message* project) override {
    if (type == WriteOp::Type::kCreate) {
      const std::string name = GetString(*project, "name");
      WriteOp vpc = Creation(context, "Vpc", name, "default");
      SetString(*vpc.resource, "display_name", "Default VPC");
      SetString(*vpc.resource, "dns_name", "default");
      context.add("vpc", std::move(vpc));
    }
    co_return absl::OkStatus();
  }
};

class VpcHook : public store::Hook {
 public:
  explicit VpcHook(NetworkOptions options) : options_(options) {}

  Task<absl::Status> on_save(HookContext& context, Message& vpc) override {
    if (context.before() != nullptr) co_return absl::OkStatus();  // an update keeps its id
    absl::StatusOr<int64_t> vni = co_await choose_vni(context);
    if (!vni.ok()) co_return vni.status();
    const auto* field = vpc.GetDescriptor()->FindFieldByName("vni");
    context.chose(field->name());
    vpc.GetReflection()->SetInt64(&vpc, field, *vni);
    co_return absl::OkStatus();
  }

  Task<absl::Status> before_commit(HookContext& context, WriteOp::Type type,
                                   const Message* vpc) override {
    if (type == WriteOp::Type::kCreate) AddDefaults(context, GetString(*vpc, "name"));
    co_return absl::OkStatus();
  }

 private:
  // One id after another from a random place on: in a large range the first is nearly always free,
  // a small one is looked through.
  Task<absl::StatusOr<int64_t>> choose_vni(HookContext& context) {
    const int64_t size = options_.last_vni - options_.first_vni + 1;
    const uint64_t start = context.env().random().next() % static_cast<uint64_t>(size);
    for (int64_t i = 0; i < std::min(size, kMaxProbes); ++i) {
      const int64_t vni = options_.first_vni + (static_cast<int64_t>(start) + i) % size;
      absl::StatusOr<bool> taken = co_await IsTaken(context, vni);
      if (!taken.ok()) co_return taken.status();
      if (!*taken) co_return vni;
    }
    ErrorDetails details;
    details.quotas.push_back(
        {"", "virtual network ids", absl::StrCat("none of ", size, " ids is free; delete a VPC")});
    co_return MakeError(Reason::kLimitExceeded, "no free virtual network id; delete a VPC first",
                        std::move(details));
  }

  static Task<absl::StatusOr<bool>> IsTaken(HookContext& context, int64_t vni) {
    store::ListQuery query;
    query.kind = &KindOf(context, "Vpc");
    query.parent = "organizations/-/projects/-";
    query.page_size = 1;
    absl::StatusOr<filter::Filter> filter =
        filter::Filter::Parse(absl::StrCat("vni = ", vni), query.kind->message);
    if (!filter.ok()) co_return filter.status();
    query.filter = *std::move(filter);
    absl::StatusOr<std::vector<store::SharedMessage>> found =
        co_await context.list(std::move(query));
    if (!found.ok()) co_return found.status();
    co_return !found->empty();
  }

  static void AddDefaults(HookContext& context, const std::string& vpc) {
    WriteOp gateway = Creation(context, "InternetGateway", vpc, "default");
    WriteOp router = Creation(context, "Router", vpc, "system");
    const auto* system = router.resource->GetDescriptor()->FindFieldByName("system");
    router.resource->GetReflection()->SetBool(router.resource.get(), system, true);
    WriteOp subnet = Creation(context, "Subnet", vpc, "default");
    SetString(*subnet.resource, "ipv4_range", "172.30.0.0/22");
    SetString(*subnet.resource, "router", router.name.str());

    WriteOp outbound = Creation(context, "Route", router.name.str(), "default-outbound");
    SetString(*outbound.resource, "destination", "0.0.0.0/0");
    SetString(*outbound.resource, "gateway", gateway.name.str());
    WriteOp inside = Creation(context, "Route", router.name.str(), "default-subnet");
    SetString(*inside.resource, "destination", "172.30.0.0/22");
    SetString(*inside.resource, "subnet", subnet.name.str());

    context.add("gateway", std::move(gateway));
    context.add("router", std::move(router));
    context.add("subnet", std::move(subnet));
    context.add("route[outbound]", std::move(outbound));
    context.add("route[subnet]", std::move(inside));
    AddRule(context, vpc, "allow-internal", "", "");
    AddRule(context, vpc, "allow-ssh", "tcp", "22");
    AddRule(context, vpc, "allow-icmp", "icmp", "");
  }

  static void AddRule(HookContext& context, const std::string& vpc, std::string_view id,
                      std::string_view protocol, std::string_view ports) {
    WriteOp rule = Creation(context, "FirewallRule", vpc, id);
    const auto* action = rule.resource->GetDescriptor()->FindFieldByName("action");
    rule.resource->GetReflection()->SetEnumValue(rule.resource.get(), action, kAllow);
    SetString(*rule.resource, "protocol", std::string(protocol));
    SetString(*rule.resource, "ports", std::string(ports));
    context.add(absl::StrCat("firewall[", ToAbsl(id), "]"), std::move(rule));
  }

  static constexpr int kAllow = 1;  // FirewallRule.Action.ALLOW
  // So many taken ids one after another: the range is as good as full.
  static constexpr int64_t kMaxProbes = 256;
  const NetworkOptions options_;
};

class SubnetHook : public store::Hook {
 public:
  Task<absl::Status> on_save(HookContext& context, Message& subnet) override {
    const std::string text = GetString(subnet, "ipv4_range");
    const absl::StatusOr<Ipv4Range> range = ParseIpv4Range(text);
    if (!range.ok()) {
      co_return FieldError(Reason::kInvalidField, kField, ToStd(range.status().message()));
    }
    const std::string name = GetString(subnet, "name");
    const std::string vpc = name.substr(0, name.rfind("/subnets/"));
    // Two subnets that are created at once must not both find their range free.
    const std::string lock = vpc + "/subnets";
    absl::Status locked = co_await context.serialize_on(lock);
    if (!locked.ok()) co_return locked;
    absl::StatusOr<std::vector<store::SharedMessage>> subnets = co_await Subnets(context, vpc);
    if (!subnets.ok()) co_return subnets.status();
    for (const store::SharedMessage& other : *subnets) {
      if (GetString(*other, "name") == name) continue;
      HF_CO_RETURN_IF_ERROR(CheckApart(text, *range, *other));
    }
    co_return absl::OkStatus();
  }

 private:
  // Those there are, with the one that is being saved.
  static Task<absl::StatusOr<std::vector<store::SharedMessage>>> Subnets(HookContext& context,
                                                                         const std::string& vpc) {
    store::ListQuery query;
    query.kind = &KindOf(context, "Subnet");
    query.parent = vpc;
    query.page_size = kMaxSubnets + 1;
    absl::StatusOr<std::vector<store::SharedMessage>> subnets =
        co_await context.list(std::move(query));
    if (!subnets.ok() || subnets->size() <= kMaxSubnets) co_return subnets;
    ErrorDetails details;
    details.quotas.push_back({"", vpc, absl::StrCat("has ", kMaxSubnets, " subnets already")});
    co_return MakeError(Reason::kLimitExceeded,
                        absl::StrCat(vpc, " has ", kMaxSubnets, " subnets; use another VPC"),
                        std::move(details));
  }

  static absl::Status CheckApart(const std::string& text, const Ipv4Range& range,
                                 const Message& other) {
    const std::string other_text = GetString(other, "ipv4_range");
    const absl::StatusOr<Ipv4Range> other_range = ParseIpv4Range(other_text);
    if (!other_range.ok() || !range.overlaps(*other_range)) return absl::OkStatus();
    return FieldError(Reason::kInvalidField, kField,
                      absl::StrCat(text, " overlaps ", other_text, " of ", GetString(other, "name"),
                                   "; choose a free range"));
  }

  static constexpr char kField[] = "subnet.ipv4_range";
};

}  // namespace

void RegisterHooks(store::HookRegistry& registry, NetworkOptions options) {
  registry.add(KindName("network.example.com/Project"), std::make_unique<ProjectHook>());
  registry.add(KindName("network.example.com/Vpc"), std::make_unique<VpcHook>(options));
  registry.add(KindName("network.example.com/Subnet"), std::make_unique<SubnetHook>());
}

}  // namespace holdfast::network
