#include "holdfast/schema/testdata.h"

#include "holdfast/base/check.h"

namespace holdfast::schema {

const std::string_view kTestProto = R"pb(
  syntax = "proto3"
  ;

package test.v1;

import "google/api/field_behavior.proto";
import "google/api/resource.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "holdfast/annotations.proto";
import "holdfast/meta.proto";

option (holdfast.service) = { domain: "test.example.com" version: "v1" };

message Organization {
  option (google.api.resource) = {
    type: "test.example.com/Organization"
    pattern: "organizations/{organization}"
    plural: "organizations"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
}

message Project {
  option (google.api.resource) = {
    type: "test.example.com/Project"
    pattern: "projects/{project}"
    plural: "projects"
  };
  option (holdfast.resource) = {
    search: { fields: "display_name" }
    index: { fields: "code" }
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
  string code = 4 [(holdfast.field) = { unique_in: KIND }];
}

message Folder {
  option (google.api.resource) = {
    type: "test.example.com/Folder"
    pattern: "projects/{project}/folders/{folder}"
    pattern: "organizations/{organization}/folders/{folder}"
    plural: "folders"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
  string above = 4 [
    (google.api.resource_reference).type = "test.example.com/Folder",
    (holdfast.reference) = { on_delete: BLOCK }
  ];
}

message Vpc {
  option (google.api.resource) = {
    type: "test.example.com/Vpc"
    pattern: "projects/{project}/vpcs/{vpc}"
    plural: "vpcs"
  };
  option (holdfast.resource) = {
    limit: { per: "test.example.com/Project" default_max: 3 }
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
  string dns_name = 4 [(holdfast.field) = { unique_in: PARENT }];
  string gateway = 5 [
    (google.api.resource_reference).type = "test.example.com/Gateway",
    (holdfast.reference) = { on_delete: UNSET }
  ];
}

message Rule {
  option (google.api.resource) = {
    type: "test.example.com/Rule"
    pattern: "projects/{project}/vpcs/{vpc}/rules/{rule}"
    plural: "rules"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  int32 priority = 3;
}

message Disk {
  option (google.api.resource) = {
    type: "test.example.com/Disk"
    pattern: "projects/{project}/disks/{disk}"
    plural: "disks"
  };
  option (holdfast.resource) = { on_parent_deleted: PARENT_BLOCK };
  string name = 1;
  holdfast.Meta metadata = 2;
  int64 size_bytes = 3;
}

message Cluster {
  option (google.api.resource) = {
    type: "test.example.com/Cluster"
    pattern: "projects/{project}/clusters/{cluster}"
    plural: "clusters"
  };
  option (holdfast.resource) = {
    on_parent_deleted: PARENT_ASYNC_CASCADE_DELETE
    async_deletion: true
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
}

message Gateway {
  option (google.api.resource) = {
    type: "test.example.com/Gateway"
    pattern: "projects/{project}/gateways/{gateway}"
    plural: "gateways"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  // A and B may refer to each other.
  string vpc = 3 [
    (google.api.resource_reference).type = "test.example.com/Vpc",
    (holdfast.reference) = { on_delete: BLOCK }
  ];
}

message Device {
  option (google.api.resource) = {
    type: "test.example.com/Device"
    pattern: "projects/{project}/regions/{region}/devices/{device}"
    plural: "devices"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string serial = 3;
}

message Event {
  option (google.api.resource) = {
    type: "test.example.com/Event"
    pattern: "projects/{project}/events/{event}"
    plural: "events"
  };
  option (holdfast.resource) = { unconstrained: true };
  string name = 1;
  holdfast.Meta metadata = 2;
  string text = 3;
  // Isn't checked.
  string instance = 4 [(google.api.resource_reference).type = "test.example.com/Instance"];
}

message Image {
  option (google.api.resource) = {
    type: "test.example.com/Image"
    pattern: "images/{image}"
    plural: "images"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
}

message Host {
  option (google.api.resource) = {
    type: "test.example.com/Host"
    pattern: "hosts/{host}"
    plural: "hosts"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
}

message Group {
  option (google.api.resource) = {
    type: "test.example.com/Group"
    pattern: "groups/{group}"
    plural: "groups"
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;
}

message Instance {
  option (google.api.resource) = {
    type: "test.example.com/Instance"
    pattern: "projects/{project}/instances/{instance}"
    plural: "instances"
  };
  option (holdfast.resource) = {
    index: { fields: "hostname" }
    index: { fields: "cpus" fields: "boot_time" }
  };
  string name = 1;
  holdfast.Meta metadata = 2;
  string display_name = 3;

  // One of each behaviour.
  string vpc = 4 [
    (google.api.field_behavior) = REQUIRED,
    (google.api.resource_reference).type = "test.example.com/Vpc",
    (holdfast.reference) = { on_delete: BLOCK }
  ];
  string gateway = 5 [
    (google.api.resource_reference).type = "test.example.com/Gateway",
    (holdfast.reference) = { on_delete: UNSET }
  ];
  string group = 6 [
    (google.api.resource_reference).type = "test.example.com/Group",
    (holdfast.reference) = { on_delete: CASCADE_DELETE }
  ];
  string image = 7 [
    (google.api.resource_reference).type = "test.example.com/Image",
    (holdfast.reference) = { on_delete: ASYNC_UNSET }
  ];
  string host = 8 [
    (google.api.resource_reference).type = "test.example.com/Host",
    (holdfast.reference) = { on_delete: ASYNC_CASCADE_DELETE }
  ];
  string last_seen_host = 9 [
    (google.api.resource_reference).type = "test.example.com/Host",
    (holdfast.reference) = { on_delete: ALLOW_DANGLING }
  ];

  // One in each place.
  repeated string disks = 10 [
    (google.api.resource_reference).type = "test.example.com/Disk",
    (holdfast.reference) = { on_delete: UNSET }
  ];
  Spec spec = 11;
  map<string, string> labels_to_groups = 12 [
    (google.api.resource_reference).type = "test.example.com/Group",
    (holdfast.reference) = { on_delete: UNSET }
  ];
  map<string, Mount> mounts = 13;
  oneof boot {
    string boot_image = 14 [
      (google.api.resource_reference).type = "test.example.com/Image",
      (holdfast.reference) = { on_delete: BLOCK }
    ];
    string boot_disk = 15 [
      (google.api.resource_reference).type = "test.example.com/Disk",
      (holdfast.reference) = { on_delete: UNSET }
    ];
  }
  string peer = 16 [
    (google.api.resource_reference).type = "test.example.com/Instance",
    (holdfast.reference) = { on_delete: UNSET }
  ];
  // Of any kind.
  string watched = 17 [
    (google.api.resource_reference).type = "*",
    (holdfast.reference) = { on_delete: UNSET }
  ];

  // One of each type.
  string hostname = 30;
  int32 cpus = 31;
  int64 memory_bytes = 32;
  uint64 serial = 33;
  double load = 34;
  bool enabled = 35;
  Size size = 36;
  bytes secret = 37;
  google.protobuf.Timestamp boot_time = 38;
  google.protobuf.Duration uptime = 39;
  repeated string zones = 40;
  map<string, string> attributes = 41;
  map<string, int32> counters = 42;
  repeated int32 ports = 43;
  google.protobuf.StringValue nickname = 44;
  optional int32 rank = 45;
  google.protobuf.Struct extra = 46;
  Tree tree = 47;

  enum Size {
    SIZE_UNSPECIFIED = 0;
    SMALL = 1;
    LARGE = 2;
  }
  message Spec {
    repeated Route routes = 1;
    string note = 2;
    int32 weight = 3;
  }
  message Route {
    string prefix = 1;
    string gateway = 2 [
      (google.api.resource_reference).type = "test.example.com/Gateway",
      (holdfast.reference) = { on_delete: UNSET }
    ];
  }
  message Mount {
    string path = 1;
    string disk = 2 [
      (google.api.resource_reference).type = "test.example.com/Disk",
      (holdfast.reference) = { on_delete: BLOCK }
    ];
  }
  // Contains itself; has no references, so it may.
  message Tree {
    string label = 1;
    repeated Tree branches = 2;
  }
}
)pb";

std::unique_ptr<Schema> LoadTestSchema() {
  absl::StatusOr<std::unique_ptr<Schema>> schema =
      LoadTexts({{"test.proto", std::string(kTestProto)}});
  HF_CHECK(schema.ok()) << schema.status().ToString();
  return *std::move(schema);
}

const Schema& TestSchema() {
  static const std::unique_ptr<Schema> schema = LoadTestSchema();
  return *schema;
}

}  // namespace holdfast::schema
