#include "sim/env/world.h"

#include <utility>

namespace holdfast::sim {
namespace {

// Streams of random numbers that have nothing to do with each other, from one seed.
constexpr uint64_t kChanceStream = 0x5DEE'CE66'D1CE'5EED;
constexpr uint64_t kEnvStream = 0x2545'F491'4F6C'DD1D;

}  // namespace

World::World(uint64_t seed)
    : scheduler_(std::make_shared<Scheduler>(~seed)),
      chance_(seed ^ kChanceStream),
      env_(scheduler_, seed ^ kEnvStream) {}

std::unique_ptr<NodeEnv> World::make_env() {
  return std::make_unique<NodeEnv>(scheduler_, chance_.next());
}

uint64_t World::below(uint64_t n) { return n == 0 ? 0 : chance_.next() % n; }

bool World::chance(double p) {
  // 53 bits: what a double holds exactly.
  return static_cast<double>(chance_.next() >> 11) < p * static_cast<double>(uint64_t{1} << 53);
}

Duration World::between(Duration least, Duration most) {
  const auto span = static_cast<uint64_t>(most.value() - least.value()) + 1;
  return Duration(least.value() + static_cast<int64_t>(below(span)));
}

void World::note(std::string who, std::string what, std::vector<ResourceKey> keys) {
  trace_.add({now(), std::move(who), std::move(what), std::move(keys)});
}

void World::violated(std::string rule, std::string what, std::vector<ResourceKey> keys) {
  if (violation_.has_value()) return;
  note("checker", rule + ": " + what, keys);
  violation_ = Violation{std::move(rule), std::move(what), std::move(keys), now()};
}

}  // namespace holdfast::sim
