#include "holdfast/real/json_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "holdfast/real/http_fake_dispatcher.h"
#include "holdfast/testing/covers.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

const pb::Descriptor* InstanceType() {
  return TestSchema().find_kind(KindName("test.example.com/Instance"))->message;
}

const JsonCodec& Codec() {
  static const auto* codec = new JsonCodec({&TestSchema().pool()});
  return *codec;
}

std::string Printed(std::string_view json) {
  const MessagePtr message = TestSchema().new_message(InstanceType());
  const absl::Status status = Codec().parse(json, "", *message);
  return status.ok() ? Codec().print(*message).value() : std::string(status.message());
}

TEST(JsonCodec, SpeaksProtobufsJson) {
  HF_COVERS("B11");
  EXPECT_EQ(Printed("{}"), "{}");
  EXPECT_EQ(Printed(R"({"memory_bytes": 9007199254740993})"),
            R"({"memoryBytes":"9007199254740993"})");
  EXPECT_EQ(Printed(R"({"serial": "18446744073709551615"})"),
            R"({"serial":"18446744073709551615"})");
  EXPECT_EQ(Printed(R"({"size": 2, "secret": "_-8="})"), R"({"size":"LARGE","secret":"/+8="})");
  EXPECT_EQ(Printed(R"({"bootTime": "2026-01-31T12:00:00+01:00", "uptime": "1.5s"})"),
            R"({"bootTime":"2026-01-31T11:00:00Z","uptime":"1.500s"})");
  EXPECT_EQ(Printed(R"({"nickname": "", "rank": 0})"), R"({"nickname":"","rank":0})");
  EXPECT_EQ(Printed(R"({"cpus": null, "zones": null})"), "{}");
  EXPECT_EQ(Printed(R"({"attributes": {"b": "2", "a": "1"}})"),
            R"({"attributes":{"a":"1","b":"2"}})");
}

// Values where JSON and protobuf differ most: the ends of numbers, texts with everything in them.
std::string RandomText() {
  static const std::vector<std::string> texts = {"",
                                                 "a",
                                                 "\"\\/\b\f\n\r\t",
                                                 std::string(1, '\0'),
                                                 "\x1f\x7f",
                                                 "äß€",
                                                 "\U0001F600",
                                                 "\u2028<script>&",
                                                 "%2F+",
                                                 "null",
                                                 "{}",
                                                 "  "};
  return *rc::gen::elementOf(texts);
}

void SetInteger(pb::Message& message, const FieldDescriptor* field) {
  const pb::Reflection& reflection = *message.GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      const auto value = *rc::gen::arbitrary<int32_t>();
      return repeated ? reflection.AddInt32(&message, field, value)
                      : reflection.SetInt32(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const auto value = *rc::gen::elementOf(
          std::vector<int64_t>{0, -1, 1, std::numeric_limits<int64_t>::min(),
                               std::numeric_limits<int64_t>::max(), (1LL << 53) + 1});
      return repeated ? reflection.AddInt64(&message, field, value)
                      : reflection.SetInt64(&message, field, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, field, *rc::gen::arbitrary<uint64_t>());
    default:
      FAIL() << field->full_name();
  }
}

void SetScalar(pb::Message& message, const FieldDescriptor* field) {
  const pb::Reflection& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return field->is_repeated() ? reflection.AddString(&message, field, RandomText())
                                  : reflection.SetString(&message, field, RandomText());
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, field, *rc::gen::arbitrary<bool>());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(
          &message, field,
          // Not -0.0, which protobuf's printer takes for the default and leaves out.
          *rc::gen::elementOf(std::vector<double>{0.1, -1e-9, 1e300, 5e-324, 1.0 / 3,
                                                  std::numeric_limits<double>::infinity()}));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int value = *rc::gen::inRange(0, field->enum_type()->value_count());
      return reflection.SetEnum(&message, field, field->enum_type()->value(value));
    }
    default:
      return SetInteger(message, field);
  }
}

void Fill(pb::Message& message, int depth);

// Timestamps and the like have ranges of their own.
bool FillWellKnown(pb::Message& message) {
  const std::string& type = message.GetTypeName();
  if (type == "google.protobuf.Timestamp") {
    pb::Timestamp time;
    time.set_seconds(*rc::gen::inRange<int64_t>(-62135596800, 253402300799));
    time.set_nanos(*rc::gen::elementOf(std::vector<int32_t>{0, 1, 1000, 999'999'999}));
    return message.ParseFromString(time.SerializeAsString());
  }
  if (type == "google.protobuf.Duration") {
    pb::Duration duration;
    duration.set_seconds(*rc::gen::inRange<int64_t>(0, 315'576'000'000));
    duration.set_nanos(*rc::gen::elementOf(std::vector<int32_t>{0, 500'000'000, 1}));
    return message.ParseFromString(duration.SerializeAsString());
  }
  if (type == "google.protobuf.Struct") {
    pb::Struct made;
    (*made.mutable_fields())[RandomText()].set_string_value(RandomText());
    (*made.mutable_fields())["list"].mutable_list_value()->add_values()->set_number_value(1.5);
    return message.ParseFromString(made.SerializeAsString());
  }
  return false;
}

void FillField(pb::Message& message, const FieldDescriptor* field, int depth) {
  const pb::Reflection& reflection = *message.GetReflection();
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  const int count = field->is_map() ? 1 : field->is_repeated() ? *rc::gen::inRange(1, 3) : 1;
  for (int i = 0; i < count; ++i) {
    if (!is_message) {
      SetScalar(message, field);
    } else if (field->is_repeated()) {
      Fill(*reflection.AddMessage(&message, field), depth + 1);
    } else {
      Fill(*reflection.MutableMessage(&message, field), depth + 1);
    }
  }
}

void Fill(pb::Message& message, int depth) {
  if (FillWellKnown(message)) return;
  const bool entry = message.GetDescriptor()->options().map_entry();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (depth > 4 && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !entry) continue;
    if (entry || *rc::gen::inRange(0, 3) == 0) FillField(message, field, depth);
  }
}

RC_GTEST_PROP(JsonCodec, ReadsBackWhatItPrints, ()) {
  const MessagePtr message = TestSchema().new_message(InstanceType());
  Fill(*message, 0);
  const absl::StatusOr<std::string> json = Codec().print(*message);
  RC_ASSERT(json.ok());
  RC_ASSERT(json->find('\n') == std::string::npos);
  RC_ASSERT(CheckJson(*json, "x").ok());
  const MessagePtr back = TestSchema().new_message(InstanceType());
  const absl::Status status = Codec().parse(*json, "", *back);
  if (!status.ok()) RC_FAIL(status.ToString() + "\n" + *json);
  pb::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  if (!differencer.Compare(*message, *back)) RC_FAIL(difference + *json);
}

}  // namespace
}  // namespace holdfast::real
