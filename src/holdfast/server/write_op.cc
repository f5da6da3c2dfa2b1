#include "holdfast/server/write_op.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;
using store::WriteOp;

class OpTaker {
 public:
  OpTaker(const schema::Kind& kind, const RequestFields& fields, pb::Message& request,
          const std::string& path)
      : kind_(kind), fields_(fields), request_(request), path_(path) {}

  absl::StatusOr<WriteOp> create() {
    const std::string parent = Text(request_, fields_.parent);
    HF_ASSIGN_OR_RETURN(const schema::NamePattern* pattern,
                        FindCollection(kind_, parent, at("parent"), Wildcards::kRefused));
    const std::string id = Text(request_, fields_.id);
    if (absl::Status status = schema::CheckId(id); !status.ok()) {
      return FieldError(Reason::kInvalidField, at(fields_.id->name()),
                        id.empty() ? "is required" : ToStd(status.message()));
    }
    HF_RETURN_IF_ERROR(check_resource_is_set());
    const std::string name =
        absl::StrCat(parent, parent.empty() ? "" : "/", pattern->collection(), "/", id);
    WriteOp op = begin(WriteOp::Type::kCreate);
    HF_ASSIGN_OR_RETURN(op.name, ReadName(kind_, name, at(fields_.id->name())));
    op.resource = take_resource();
    // AIP-133: the name is made of parent and id, whatever the resource says.
    op.resource->GetReflection()->SetString(op.resource.get(), kind_.name_field, name);
    return op;
  }

  absl::StatusOr<WriteOp> update() {
    HF_RETURN_IF_ERROR(check_resource_is_set());
    WriteOp op = begin(WriteOp::Type::kUpdate);
    op.resource = take_resource();
    HF_ASSIGN_OR_RETURN(op.name, ReadName(kind_, Text(*op.resource, kind_.name_field),
                                          at(fields_.resource->name() + ".name")));
    HF_ASSIGN_OR_RETURN(op.mask, read_update_mask(*op.resource));
    if (IsSet(request_, fields_.allow_missing)) op.allow_missing = store::AllowMissing::kYes;
    return op;
  }

  absl::StatusOr<WriteOp> erase() {
    WriteOp op = begin(WriteOp::Type::kDelete);
    HF_ASSIGN_OR_RETURN(op.name, ReadName(kind_, Text(request_, fields_.name), at("name")));
    op.etag = Text(request_, fields_.etag);
    op.plan_digest = Text(request_, fields_.plan_digest);
    if (IsSet(request_, fields_.force)) op.force = store::Force::kYes;
    if (IsSet(request_, fields_.allow_missing)) op.allow_missing = store::AllowMissing::kYes;
    return op;
  }

 private:
  [[nodiscard]] std::string at(const std::string& field) const { return path_ + field; }

  [[nodiscard]] WriteOp begin(WriteOp::Type type) const {
    WriteOp op;
    op.type = type;
    op.kind = &kind_;
    return op;
  }

  [[nodiscard]] absl::Status check_resource_is_set() const {
    if (request_.GetReflection()->HasField(request_, fields_.resource)) return absl::OkStatus();
    return FieldError(Reason::kInvalidField, at(fields_.resource->name()), "is required");
  }

  [[nodiscard]] store::MessagePtr take_resource() {
    return store::MessagePtr(request_.GetReflection()->ReleaseMessage(&request_, fields_.resource));
  }

  // AIP-134: no mask, or an empty one, means the fields that are set.
  [[nodiscard]] absl::StatusOr<filter::FieldMask> read_update_mask(const pb::Message& resource) {
    const std::vector<std::string> paths = MaskPaths(request_, fields_.update_mask);
    if (paths.empty()) return filter::FieldMask::OfSetFields(resource);
    return filter::FieldMask::ParseForUpdate(paths, kind_.message, at("update_mask"));
  }

  const schema::Kind& kind_;
  const RequestFields& fields_;
  pb::Message& request_;
  const std::string& path_;
};

}  // namespace

absl::StatusOr<WriteOp> TakeWriteOp(schema::Verb verb, const schema::Kind& kind,
                                    const RequestFields& fields, pb::Message& request,
                                    const std::string& path) {
  OpTaker taker(kind, fields, request, path);
  switch (verb) {
    case schema::Verb::kCreate:
      return taker.create();
    case schema::Verb::kUpdate:
      return taker.update();
    case schema::Verb::kDelete:
      return taker.erase();
    default:
      HF_CHECK(false) << "not a verb that writes";
  }
  return absl::InternalError("");
}

}  // namespace holdfast::server
