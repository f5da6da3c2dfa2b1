// A small service for tests of this and higher modules: every reference behaviour, parents that
// delete, block and delete later, references in every place a field can be in.
#pragma once

#include <memory>
#include <string_view>

#include "holdfast/schema/schema.h"

namespace holdfast::schema {

// "test.proto": package test.v1, domain test.example.com. Kinds (all "test.example.com/…"):
//
//   Organization  organizations/*
//   Project       projects/*                     `code` unique in KIND, indexed; limit holder
//   Folder        projects/*/folders/*, organizations/*/folders/*   refers to itself (BLOCK)
//   Vpc           projects/*/vpcs/*              `dns_name` unique in PARENT; at most 3 per
//   Project;
//                                                CASCADE_DELETE with its project
//   Rule          projects/*/vpcs/*/rules/*      cascades; nothing can block it
//   Disk          projects/*/disks/*             BLOCKs its project
//   Cluster       projects/*/clusters/*          ASYNC_CASCADE_DELETE with its project;
//                                                async_deletion
//   Gateway       projects/*/gateways/*
//   Device        projects/*/regions/*/devices/* regional
//   Event         projects/*/events/*            unconstrained
//   Image, Host, Group   images/*, hosts/*, groups/*
//   Instance      projects/*/instances/*         has references of all six behaviours: singular
//                                                (required and not), repeated, nested, in maps, in
//                                                a oneof, to itself, to any kind; and a field of
//                                                every type for filters and JSON; two indexes
extern const std::string_view kTestProto;

// The schema of kTestProto; aborts if it has a finding.
[[nodiscard]] std::unique_ptr<Schema> LoadTestSchema();
// The same, loaded once.
[[nodiscard]] const Schema& TestSchema();

}  // namespace holdfast::schema
