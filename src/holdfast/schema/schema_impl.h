// A model without findings, with its derived API, as the Schema that others see.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/dynamic_message.h"
#include "holdfast/schema/compile.h"
#include "holdfast/schema/derive.h"
#include "holdfast/schema/model.h"

namespace holdfast::schema {

class SchemaImpl : public Schema {
 public:
  // Derives and builds each service's API into the pool. `model` has been linted.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Schema>> Create(Compiled compiled,
                                                                      Model model);

  [[nodiscard]] const std::vector<const Service*>& services() const override { return services_; }
  [[nodiscard]] const Service* find_service(const ServiceDomain& domain,
                                            const ApiVersion& version) const override;
  [[nodiscard]] const Kind* find_kind(const KindName& name) const override;
  [[nodiscard]] const Kind* find_kind_by_name(const Service& service,
                                              const ResourceName& name) const override;
  [[nodiscard]] const Method* find_method(std::string_view full_name) const override;
  [[nodiscard]] const std::vector<const Method*>& methods() const override { return methods_; }
  [[nodiscard]] const google::protobuf::DescriptorPool& pool() const override {
    return *compiled_.pool;
  }
  [[nodiscard]] std::vector<const google::protobuf::FileDescriptor*> files() const override;
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> new_message(
      const google::protobuf::Descriptor* type) const override;

 private:
  SchemaImpl(Compiled compiled, Model model);

  [[nodiscard]] absl::Status derive(ServiceDraft& draft);
  void add_method(ServiceDraft& draft, const google::protobuf::FileDescriptor& file,
                  const DerivedMethod& derived);
  void add_transact_fields(Service& service, const Method& transact);
  void index_names();

  Compiled compiled_;
  Model model_;
  std::vector<const google::protobuf::FileDescriptor*> derived_files_;
  std::vector<std::unique_ptr<Method>> owned_methods_;
  std::vector<const Service*> services_;
  std::vector<const Method*> methods_;
  std::map<std::string, const Method*, std::less<>> methods_by_name_;
  std::map<KindName, const Kind*> kinds_by_name_;  // the newest version's
  std::map<std::pair<const Service*, std::string>, const Kind*> kinds_by_shape_;
  // Locks within; prototypes live as long as it.
  std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_;
};

}  // namespace holdfast::schema
