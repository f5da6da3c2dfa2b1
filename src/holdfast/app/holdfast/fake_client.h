// A client of no server: knows a schema's types and methods, and fails every call. Only for tests.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/real/grpc_client.h"
#include "holdfast/schema/schema.h"

namespace holdfast::cli {

class FakeClient final : public real::Client {
 public:
  explicit FakeClient(std::unique_ptr<schema::Schema> schema) : schema_(std::move(schema)) {
    for (const auto* file : schema_->files()) {
      for (int i = 0; i < file->service_count(); ++i) services_.push_back(file->service(i));
    }
    std::sort(services_.begin(), services_.end(),
              [](const auto* a, const auto* b) { return a->full_name() < b->full_name(); });
  }

  const std::vector<const google::protobuf::ServiceDescriptor*>& services() const override {
    return services_;
  }
  const google::protobuf::MethodDescriptor* find_method(std::string_view name) const override {
    return pool().FindMethodByName(std::string(name));
  }
  const google::protobuf::Descriptor* find_message(std::string_view full_name) const override {
    return pool().FindMessageTypeByName(std::string(full_name));
  }
  const google::protobuf::DescriptorPool& pool() const override { return schema_->pool(); }
  real::MessagePtr new_message(const google::protobuf::Descriptor* type) const override {
    return schema_->new_message(type);
  }
  absl::StatusOr<real::MessagePtr> call(const google::protobuf::MethodDescriptor*,
                                        const google::protobuf::Message&,
                                        real::CallOptions) override {
    return NoServer();
  }
  void call_async(const google::protobuf::MethodDescriptor*, const google::protobuf::Message&,
                  real::CallOptions, OnResponse done) override {
    done(NoServer());
  }
  void call_serialized(const google::protobuf::MethodDescriptor*, const google::protobuf::Message&,
                       real::CallOptions, OnBytes done) override {
    done(NoServer());
  }
  void wait_idle() override {}
  absl::Status stream(const google::protobuf::MethodDescriptor*, const google::protobuf::Message&,
                      real::CallOptions, OnMessage) override {
    return NoServer();
  }
  void cancel_streams() override {}

 private:
  static absl::Status NoServer() { return absl::UnavailableError("there is no server"); }

  std::unique_ptr<schema::Schema> schema_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

}  // namespace holdfast::cli
