// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_IDS_H_
#define LORA_SERVER_BASE_IDS_H_

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace lora {

// A typed wrapper: two ids of different kinds neither compare nor convert.
template <typename Tag, typename Rep>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(Rep value) : value_(std::move(value)) {}

  const Rep& value() const { return value_; }

  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const StrongId& id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_{};
};

// What callers name an adapter by: "sql-writer".
using AdapterId = StrongId<struct AdapterIdTag, std::string>;
// One request's run through the engine; never reused in a process.
using SequenceId = StrongId<struct SequenceIdTag, uint64_t>;
// An index into one step's table of adapters (lora::StepAdapters).
using AdapterSlot = StrongId<struct AdapterSlotTag, int32_t>;

}  // namespace lora

#endif  // LORA_SERVER_BASE_IDS_H_
