// The message type that this module's tests and fuzz targets use, compiled at run time as users'
// types are.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "holdfast/base/check.h"

namespace holdfast::filter {

inline constexpr std::string_view kTestProto = R"(
syntax = "proto3";
package acme;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum State { STATE_UNSPECIFIED = 0; ACTIVE = 1; DELETING = 2; }

message Rule {
  string protocol = 1;
  int32 port = 2;
  repeated string hosts = 3;
  optional string note = 4;
}

message Spec {
  string cidr = 1;
  int64 size = 2;
  optional int64 limit = 3;
  repeated Rule rules = 4;
  map<string, Rule> named_rules = 5;
  Spec inner = 6;
  google.protobuf.Timestamp since = 7;
}

message Nothing {}

message Vpc {
  string name = 1;
  string display_name = 2;
  int32 count = 3;
  int64 big = 4;
  uint32 small_unsigned = 5;
  uint64 big_unsigned = 6;
  float ratio = 7;
  double weight = 8;
  bool enabled = 9;
  State state = 10;
  bytes digest = 11;
  optional string nick = 12;
  optional int64 quota = 13;
  google.protobuf.Timestamp create_time = 14;
  google.protobuf.Duration ttl = 15;
  google.protobuf.StringValue alias = 16;
  google.protobuf.UInt64Value ceiling = 17;
  Spec spec = 18;
  repeated string tags = 19;
  repeated int64 numbers = 20;
  repeated Rule rules = 21;
  repeated State states = 22;
  map<string, string> labels = 23;
  map<int32, string> by_number = 24;
  map<bool, int64> by_flag = 25;
  map<string, Spec> specs = 26;
  oneof target {
    string ip = 27;
    Rule gateway = 28;
    Spec network = 29;
  }
  Nothing marker = 30;
  repeated google.protobuf.Timestamp times = 31;
}
)";

// Lives for the whole program.
class TestTypes {
 public:
  static TestTypes& Get() {
    static TestTypes types;
    return types;
  }

  [[nodiscard]] const google::protobuf::Descriptor* vpc() const { return vpc_; }

  [[nodiscard]] std::unique_ptr<google::protobuf::Message> make() {
    return std::unique_ptr<google::protobuf::Message>(factory_.GetPrototype(vpc_)->New());
  }

  // From protobuf's text format.
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> make(std::string_view text) {
    auto message = make();
    HF_CHECK(google::protobuf::TextFormat::ParseFromString(std::string(text), message.get()))
        << "not a Vpc: " << text;
    return message;
  }

 private:
  TestTypes() : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    // The generated pool knows only files whose code is linked.
    google::protobuf::Timestamp::descriptor();
    google::protobuf::Duration::descriptor();
    google::protobuf::StringValue::descriptor();
    factory_.SetDelegateToGeneratedFactory(true);
    google::protobuf::io::ArrayInputStream input(kTestProto.data(),
                                                 static_cast<int>(kTestProto.size()));
    google::protobuf::io::Tokenizer tokenizer(&input, nullptr);
    google::protobuf::compiler::Parser parser;
    google::protobuf::FileDescriptorProto file;
    HF_CHECK(parser.Parse(&tokenizer, &file)) << "the test's proto doesn't parse";
    file.set_name("acme/vpc.proto");
    const google::protobuf::FileDescriptor* built = pool_.BuildFile(file);
    HF_CHECK(built != nullptr) << "the test's proto doesn't build";
    vpc_ = built->FindMessageTypeByName("Vpc");
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
  const google::protobuf::Descriptor* vpc_ = nullptr;
};

}  // namespace holdfast::filter
