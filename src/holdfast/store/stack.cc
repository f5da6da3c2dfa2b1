#include "holdfast/store/stack.h"

#include <utility>

#include "holdfast/store/cache/message_cache.h"
#include "holdfast/store/constraint/constraint_layer.h"
#include "holdfast/store/core/core_layer.h"
#include "holdfast/store/store_impl.h"

namespace holdfast::store {

std::unique_ptr<Store> BuildStore(Env& env, const schema::Schema& schema,
                                  const schema::Service& service, storage::Engine& engine,
                                  const HookRegistry& hooks, StoreOptions options) {
  auto cache = std::make_unique<MessageCache>(options.cache_bytes);
  Layers layers;  // outermost first
  layers.push_back(std::make_unique<CacheLayer>(*cache));
  layers.push_back(std::make_unique<ConstraintLayer>(
      ConstraintOptions{.max_batch_ops = options.max_batch_ops,
                        .max_inline_dependants = options.max_inline_dependants,
                        .max_probed = options.max_probed}));
  layers.push_back(std::make_unique<CoreLayer>());
  return std::make_unique<StoreImpl>(env, engine, std::make_unique<Plans>(schema, service), hooks,
                                     std::move(cache), std::move(layers), std::move(options));
}

}  // namespace holdfast::store
