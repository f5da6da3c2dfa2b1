#include "holdfast/app/holdfast/creation_order.h"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/strong_components.hpp>
#include <map>
#include <string_view>
#include <utility>

namespace holdfast::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

using Positions = std::map<std::string, size_t, std::less<>>;
// An edge: must be there before.
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

void AddEdge(size_t from, std::string_view name, const Positions& positions, Graph& graph) {
  const auto found = positions.find(name);
  if (found != positions.end() && found->second != from) {
    boost::add_edge(from, found->second, graph);
  }
}

// Any text that is another's name counts as a reference to it: at worst the order is stricter than
// it must be.
void AddReferences(size_t from, const Message& message, const Positions& positions, Graph& graph) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        AddReferences(from,
                      repeated ? reflection->GetRepeatedMessage(message, field, i)
                               : reflection->GetMessage(message, field),
                      positions, graph);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        AddEdge(from,
                repeated ? reflection->GetRepeatedString(message, field, i)
                         : reflection->GetString(message, field),
                positions, graph);
      }
    }
  }
}

Graph FindEdges(const std::vector<Manifest>& manifests) {
  Positions positions;
  for (size_t i = 0; i < manifests.size(); ++i) positions.emplace(manifests[i].name, i);
  Graph graph(manifests.size());
  for (size_t i = 0; i < manifests.size(); ++i) {
    const std::string_view name = manifests[i].name;
    for (size_t end = name.find('/'); end != std::string_view::npos;
         end = name.find('/', end + 1)) {
      AddEdge(i, name.substr(0, end), positions, graph);
    }
    AddReferences(i, *manifests[i].resource, positions, graph);
  }
  return graph;
}

}  // namespace

std::vector<std::vector<Manifest>> BatchesForCreation(std::vector<Manifest> manifests,
                                                      size_t size) {
  const Graph graph = FindEdges(manifests);
  // Tarjan's algorithm numbers a component after all those that it has edges to.
  std::vector<size_t> component_of(manifests.size());
  const size_t count = boost::strong_components(
      graph, boost::make_iterator_property_map(component_of.begin(),
                                               boost::get(boost::vertex_index, graph)));
  std::vector<std::vector<size_t>> components(count);
  for (size_t i = 0; i < manifests.size(); ++i) components[component_of[i]].push_back(i);

  std::vector<std::vector<Manifest>> batches;
  for (const std::vector<size_t>& component : components) {
    if (batches.empty() || batches.back().size() + component.size() > size) batches.emplace_back();
    for (size_t i : component) batches.back().push_back(std::move(manifests[i]));
  }
  return batches;
}

}  // namespace holdfast::cli
