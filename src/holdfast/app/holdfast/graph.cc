// explain delete, refs, tree: how resources hang together.
#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfast/commands.h"
#include "holdfast/app/holdfast/fields.h"
#include "holdfast/base/macros.h"

namespace holdfast::cli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// holdfast.v1.DeletionNode.Effect
constexpr const char* kEffects[] = {"?", "deleted", "unset", "BLOCKS", "PROTECTED"};

constexpr int kMaxTreeDepth = 16;

void PrintLine(const std::string& indent, std::string_view text) {
  std::cout << indent << text << "\n";
}

std::string Line(const Message& node) {
  const auto effect = static_cast<size_t>(GetNumber(node, "effect"));
  std::string line = absl::StrCat(effect < std::size(kEffects) ? kEffects[effect] : "?", "  ",
                                  GetText(node, "name"));
  const std::string field = GetText(node, "field");
  if (!field.empty()) absl::StrAppend(&line, "  (", field, ")");
  return line;
}

void PrintNode(const Message& node, const std::string& indent) {
  const std::vector<const Message*> children = Elements(node, "children");
  for (const Message* child : children) {
    PrintLine(indent, Line(*child));
    PrintNode(*child, indent + "  ");
  }
  const int64_t left_out = GetNumber(node, "child_count") - static_cast<int64_t>(children.size());
  if (left_out > 0) PrintLine(indent, absl::StrCat("… and ", left_out, " more"));
}

void PrintPlan(Message& plan, const ExplainFlags& flags) {
  const Message& root = *Mutable(plan, "root");
  PrintLine("", Line(root));
  PrintNode(root, "  ");
  std::cout << GetNumber(plan, "deleted_count") << " would be deleted, "
            << GetNumber(plan, "unset_count") << " unset, " << GetNumber(plan, "blocker_count")
            << " block\n";
  if (GetNumber(plan, "deletable") == 0) {
    std::cout << "it can't be deleted as things are\n";
    return;
  }
  std::cout << "exactly this: holdfast delete " << flags.name << (flags.force ? " --force" : "")
            << " --plan " << GetText(plan, "plan_digest") << "\n";
}

struct NamePage {
  std::vector<std::string> names;
  bool more = false;
};

// The first names of a collection.
absl::StatusOr<NamePage> ListNames(Context& context, const ServedKind& kind,
                                   const std::string& parent, int64_t limit) {
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method, Context::Method(kind, "List"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "parent", parent);
  SetNumber(*request, "page_size", limit);
  AddText(*Mutable(*request, "read_mask"), "paths", "name");
  HF_ASSIGN_OR_RETURN(const real::MessagePtr page, context.call(method, *request));
  NamePage result;
  for (const Message* resource : Listed(*page)) result.names.push_back(GetText(*resource, "name"));
  result.more = !GetText(*page, "next_page_token").empty();
  return result;
}

absl::Status PrintSubtree(Context& context, const ServedKind& kind, const std::string& name,
                          int64_t limit, int depth) {
  const std::string indent(static_cast<size_t>(depth) * 2, ' ');
  for (const Catalog::Child& child : context.catalog().children_of(kind)) {
    HF_ASSIGN_OR_RETURN(const NamePage page,
                        ListNames(context, *child.kind, name + child.between, limit));
    for (const std::string& child_name : page.names) {
      PrintLine(indent, absl::StrCat(child.kind->message, " ", child_name));
      if (depth < kMaxTreeDepth) {
        HF_RETURN_IF_ERROR(PrintSubtree(context, *child.kind, child_name, limit, depth + 1));
      }
    }
    if (page.more) PrintLine(indent, absl::StrCat("… more ", child.kind->plural, " (--limit)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExplainDelete(Context& context, const ExplainFlags& flags) {
  HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(flags.name));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method,
                      context.package_method(*kind, "References.ExplainDelete"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "name", flags.name);
  SetNumber(*request, "samples", flags.samples);
  if (flags.force) SetFlag(*request, "force");
  HF_ASSIGN_OR_RETURN(const real::MessagePtr plan, context.call(method, *request));
  if (context.format() == Format::kJson || context.format() == Format::kYaml) {
    Printer(std::cout, context.format()).add(*plan);
  } else {
    PrintPlan(*plan, flags);
  }
  return absl::OkStatus();
}

absl::Status Refs(Context& context, const std::string& name, int64_t limit) {
  HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(name));
  HF_ASSIGN_OR_RETURN(const MethodDescriptor* method,
                      context.package_method(*kind, "References.ListReferrers"));
  const real::MessagePtr request = context.client().new_request(method);
  SetText(*request, "name", name);
  Printer printer(std::cout, context.format());
  int64_t left = limit > 0 ? limit : INT64_MAX;
  int64_t total = 0;
  while (left > 0) {
    SetNumber(*request, "page_size", std::min<int64_t>(1000, left));
    HF_ASSIGN_OR_RETURN(const real::MessagePtr page, context.call(method, *request));
    total = GetNumber(*page, "total_size");
    for (const Message* referrer : Elements(*page, "referrers")) {
      printer.add(*referrer);
      --left;
    }
    std::string token = GetText(*page, "next_page_token");
    if (token.empty()) break;
    SetText(*request, "page_token", std::move(token));
  }
  printer.finish();
  std::cerr << total << " references to " << name << "\n";
  return absl::OkStatus();
}

absl::Status Tree(Context& context, const std::string& name, int64_t limit) {
  HF_ASSIGN_OR_RETURN(const ServedKind* kind, context.catalog().find_by_name(name));
  PrintLine("", absl::StrCat(kind->message, " ", name));
  return PrintSubtree(context, *kind, name, limit, 1);
}

}  // namespace holdfast::cli
