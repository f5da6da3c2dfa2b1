// Strong types for the names and numbers that Holdfast passes around. They don't convert into each
// other, so that a kind can't be given where a name is wanted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

// A string that means one thing. `Tag` only tells the types apart.
template <class Tag>
class StrongString {
 public:
  StrongString() = default;
  explicit StrongString(std::string value) : value_(std::move(value)) {}
  explicit StrongString(std::string_view value) : value_(value) {}
  explicit StrongString(const char* value) : value_(value) {}

  [[nodiscard]] const std::string& str() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend auto operator<=>(const StrongString&, const StrongString&) = default;

 private:
  std::string value_;
};

// A number that means one thing.
template <class Tag>
class StrongInt {
 public:
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(int64_t value) : value_(value) {}

  [[nodiscard]] constexpr int64_t value() const { return value_; }

  friend constexpr auto operator<=>(const StrongInt&, const StrongInt&) = default;

 private:
  int64_t value_ = 0;
};

// A resource type's full name: "network.acme.com/Vpc".
using KindName = StrongString<struct KindNameTag>;
// A resource's full name: "projects/p1/vpcs/main".
using ResourceName = StrongString<struct ResourceNameTag>;
// Tells two lives of one name apart: a UUIDv7 in its text form.
using Uid = StrongString<struct UidTag>;
using Region = StrongString<struct RegionTag>;
// A service's domain: "network.acme.com".
using ServiceDomain = StrongString<struct ServiceDomainTag>;
// A service in a region: "network.acme.com/eu-west".
using DeploymentId = StrongString<struct DeploymentIdTag>;
using ApiVersion = StrongString<struct ApiVersionTag>;
// metadata.resource_version: one more at every change of a resource.
using Version = StrongInt<struct VersionTag>;
// A place in a deployment's feed; every batch has its own.
using Revision = StrongInt<struct RevisionTag>;
// Wall time in microseconds since 1970-01-01 UTC.
using Timestamp = StrongInt<struct TimestampTag>;
// A length of time in microseconds.
using Duration = StrongInt<struct DurationTag>;

constexpr Duration Milliseconds(int64_t n) { return Duration(n * 1000); }
constexpr Duration Seconds(int64_t n) { return Duration(n * 1000 * 1000); }
constexpr Timestamp operator+(Timestamp t, Duration d) { return Timestamp(t.value() + d.value()); }
constexpr Duration operator-(Timestamp a, Timestamp b) { return Duration(a.value() - b.value()); }

// What one resource is found by within a deployment.
struct ResourceKey {
  KindName kind;
  ResourceName name;

  friend auto operator<=>(const ResourceKey&, const ResourceKey&) = default;
};

// What happens to the holder of a reference when its target is deleted. Values are stored: never
// renumbered. See proto/holdfast/annotations.proto.
enum class OnDelete : uint8_t {
  kBlock = 1,
  kUnset = 2,
  kCascadeDelete = 3,
  kAsyncUnset = 4,
  kAsyncCascadeDelete = 5,
  kAllowDangling = 6,
};

}  // namespace holdfast

template <class Tag>
struct std::hash<holdfast::StrongString<Tag>> {
  size_t operator()(const holdfast::StrongString<Tag>& s) const {
    return std::hash<std::string>()(s.str());
  }
};
