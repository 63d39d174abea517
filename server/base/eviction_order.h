// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_EVICTION_ORDER_H_
#define LORA_SERVER_BASE_EVICTION_ORDER_H_

#include <cstddef>
#include <list>

#include "absl/container/flat_hash_map.h"

namespace lora {

// Decides which evictable entry of a PinnedCache goes first. A key is in the
// order while nothing pins its entry: a use takes it out (Erase) and its end
// puts it back (Insert), which is how an order learns of uses.
//
// Not thread-safe: the cache calls it under its own lock.
template <typename Key>
class EvictionOrder {
 public:
  virtual ~EvictionOrder() = default;

  // Adds `key`, which is not in the order.
  virtual void Insert(const Key& key) = 0;
  // Removes `key`, which is in the order.
  virtual void Erase(const Key& key) = 0;
  // The key to evict next. The order must not be empty.
  virtual const Key& First() const = 0;
  virtual size_t size() const = 0;
};

// The least recently released key first. Each call is O(1).
template <typename Key>
class LruOrder final : public EvictionOrder<Key> {
 public:
  void Insert(const Key& key) override {
    position_[key] = keys_.insert(keys_.end(), key);
  }
  void Erase(const Key& key) override {
    const auto it = position_.find(key);
    keys_.erase(it->second);
    position_.erase(it);
  }
  const Key& First() const override { return keys_.front(); }
  size_t size() const override { return keys_.size(); }

 private:
  std::list<Key> keys_;  // The oldest release first.
  absl::flat_hash_map<Key, typename std::list<Key>::iterator> position_;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_EVICTION_ORDER_H_
