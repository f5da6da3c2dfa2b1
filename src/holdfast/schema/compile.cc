#include "holdfast/schema/compile.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "google/api/annotations.pb.h"
#include "google/api/client.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/http.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/compiler/importer.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "holdfast/annotations.pb.h"
#include "holdfast/meta.pb.h"
#include "holdfast/mixin/v1/shadow.pb.h"
#include "holdfast/v1/references.pb.h"
#include "holdfast/v1/watch.pb.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

// A static library's generated descriptors are in the program only if something refers to them.
void LinkGeneratedDescriptors() {
  static const std::vector<const void*> kept = {
      google::api::HttpRule::descriptor(),
      google::api::ResourceDescriptor::descriptor(),
      google::api::FieldBehavior_descriptor(),
      &google::api::http,
      &google::api::method_signature,
      google::protobuf::Empty::descriptor(),
      google::protobuf::FieldMask::descriptor(),
      google::rpc::Status::descriptor(),
      google::rpc::ErrorInfo::descriptor(),
      ServiceOptions::descriptor(),
      Meta::descriptor(),
      mixin::v1::ResourceShadow::descriptor(),
      v1::ExplainDeleteRequest::descriptor(),
      v1::ChangeType_descriptor(),
  };
  static_cast<void>(kept);
}

// Gives the compiler the author's texts, and the built-in ones that no C++ class was made for.
class TextTree : public pb::compiler::SourceTree {
 public:
  explicit TextTree(const Sources& sources) : sources_(sources) {}

  pb::io::ZeroCopyInputStream* Open(const std::string& name) override {
    std::string_view text;
    if (const std::string_view* built_in = BuiltInText(name); built_in != nullptr) {
      text = *built_in;
    } else if (auto it = sources_.find(name); it != sources_.end()) {
      text = it->second;
    } else {
      return nullptr;
    }
    // The caller owns it, says SourceTree.
    return new pb::io::ArrayInputStream(text.data(), static_cast<int>(text.size()));
  }

 private:
  const Sources& sources_;
};

class Collector : public pb::compiler::MultiFileErrorCollector {
 public:
  explicit Collector(std::vector<Diagnostic>& findings) : findings_(findings) {}

  // Lines and columns come counted from 0; -1 is the file as a whole.
  void AddError(const std::string& file, int line, int column,
                const std::string& message) override {
    findings_.push_back(
        {file, line + 1, line < 0 ? 0 : column + 1, std::string(kSyntaxRule), message});
  }

 private:
  std::vector<Diagnostic>& findings_;
};

// Builds files after what they import.
class Builder {
 public:
  Builder(const Sources& sources, std::vector<Diagnostic>& findings)
      : sources_(sources), tree_(sources), collector_(findings), database_(&tree_) {
    database_.RecordErrorsTo(&collector_);
    // Asked for before the first file is parsed, or places aren't recorded.
    validation_errors_ = database_.GetValidationErrorCollector();
    compiled_.pool = std::make_unique<pb::DescriptorPool>(pb::DescriptorPool::generated_pool());
  }

  Compiled run() {
    for (const auto& [name, text] : sources_) {
      if (IsBuiltIn(name)) continue;
      if (const pb::FileDescriptor* file = build(name); file != nullptr) {
        compiled_.files.push_back(file);
      }
    }
    return std::move(compiled_);
  }

 private:
  const pb::FileDescriptor* build(const std::string& name) {
    if (const auto* file = compiled_.pool->FindFileByName(name); file != nullptr) return file;
    if (!begun_.insert(name).second) return nullptr;  // reported when it failed the first time
    pb::FileDescriptorProto proto;
    if (!database_.FindFileByName(name, &proto)) return nullptr;
    bool complete = true;
    open_.insert(name);
    for (int i = 0; i < proto.dependency_size(); ++i) {
      complete = build_import(name, proto, i) && complete;
    }
    open_.erase(name);
    if (!complete) return nullptr;
    return compiled_.pool->BuildFileCollectingErrors(proto, validation_errors_);
  }

  bool build_import(const std::string& importer, const pb::FileDescriptorProto& proto, int index) {
    const std::string& name = proto.dependency(index);
    std::string problem;
    if (open_.contains(name)) {
      problem = absl::StrCat("import of \"", name, "\" closes a cycle of imports");
    } else if (!sources_.contains(name) && !IsBuiltIn(name)) {
      problem =
          absl::StrCat("there is no file \"", name, "\" in the schema folders, nor is it built in");
    } else {
      return build(name) != nullptr;
    }
    const auto [line, column] = import_position(proto, index);
    collector_.AddError(importer, line, column, problem);
    return false;
  }

  static std::pair<int, int> import_position(const pb::FileDescriptorProto& proto, int index) {
    for (const auto& location : proto.source_code_info().location()) {
      if (location.path_size() == 2 &&
          location.path(0) == pb::FileDescriptorProto::kDependencyFieldNumber &&
          location.path(1) == index) {
        return {location.span(0), location.span(1)};
      }
    }
    return {-1, 0};
  }

  const Sources& sources_;
  TextTree tree_;
  Collector collector_;
  pb::compiler::SourceTreeDescriptorDatabase database_;
  pb::DescriptorPool::ErrorCollector* validation_errors_ = nullptr;  // of database_
  Compiled compiled_;
  std::set<std::string> begun_;
  std::set<std::string> open_;  // being built: their imports aren't done yet
};

}  // namespace

Compiled Compile(const Sources& sources, std::vector<Diagnostic>& findings) {
  LinkGeneratedDescriptors();
  return Builder(sources, findings).run();
}

}  // namespace holdfast::schema
