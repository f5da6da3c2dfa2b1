// A dispatcher for tests of the HTTP gateway: the methods of the test schema, answered by what the
// test says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/error.h"
#include "holdfast/base/mutex.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

// Loaded once: it takes a while, and is constant.
using schema::TestSchema;

inline std::vector<std::unique_ptr<server::MethodInfo>> TestMethods() {
  std::vector<std::unique_ptr<server::MethodInfo>> methods;
  for (const schema::Method* method : TestSchema().methods()) {
    auto info = std::make_unique<server::MethodInfo>();
    info->full_name = method->full_name;
    info->request = method->request;
    info->response = method->response;
    info->server_streaming = method->server_streaming;
    info->http = method->http;
    methods.push_back(std::move(info));
  }
  return methods;
}

class FakeDispatcher final : public server::Dispatcher {
 public:
  using Call = std::function<Task<absl::StatusOr<MessagePtr>>(const server::MethodInfo&,
                                                              server::CallContext, MessagePtr)>;
  using Stream = std::function<Task<absl::Status>(const server::MethodInfo&, server::CallContext,
                                                  server::ResponseStream&)>;

  FakeDispatcher() : owned_(TestMethods()) {
    for (const auto& method : owned_) methods_.push_back(method.get());
  }

  // Set before the first request.
  Call on_call;
  Stream on_stream;

  const server::MethodInfo* find(std::string_view full_name) const override {
    for (const server::MethodInfo* method : methods_) {
      if (method->full_name == full_name) return method;
    }
    return nullptr;
  }
  const std::vector<const server::MethodInfo*>& methods() const override { return methods_; }
  MessagePtr new_request(const server::MethodInfo& method) const override {
    return TestSchema().new_message(method.request);
  }

  Task<absl::StatusOr<server::Response>> call(const server::MethodInfo& method,
                                              server::CallContext context,
                                              MessagePtr request) override {
    {
      const MutexLock lock(mutex_);
      calls_.push_back(method.full_name + " " + request->ShortDebugString());
    }
    if (on_call) co_return co_await on_call(method, std::move(context), std::move(request));
    co_return TestSchema().new_message(method.response);
  }
  Task<absl::Status> stream(const server::MethodInfo& method, server::CallContext context,
                            MessagePtr /*request*/, server::ResponseStream& responses) override {
    co_return co_await on_stream(method, std::move(context), responses);
  }
  server::Metrics& metrics() override { return metrics_; }
  Task<void> drain() override { co_return; }

  // "/test.v1.VpcService/GetVpc name: \"projects/p/vpcs/v\"", in order.
  [[nodiscard]] std::vector<std::string> calls() const {
    const MutexLock lock(mutex_);
    return calls_;
  }

 private:
  const std::vector<std::unique_ptr<server::MethodInfo>> owned_;
  std::vector<const server::MethodInfo*> methods_;
  server::Metrics metrics_;
  mutable Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace holdfast::real
